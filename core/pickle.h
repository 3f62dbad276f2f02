// Pickle streams as data: a reader that builds a tree and calls nothing.
//
// Opcodes of protocols 0 to 5 are read; names (GLOBAL, STACK_GLOBAL) only when they stand on a list of what files of tensors hold. Calls
// (REDUCE, NEWOBJ, BUILD) become nodes of the tree; no name is looked up, imported or run. Source: CPython, pickletools.py (format).
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larmor {

using PickleRef = uint32_t;  ///< position of a value in its tree

enum class PickleKind {
  none,
  boolean,     ///< `number`
  integer,     ///< `number`
  text,        ///< `text`; byte strings too
  opaque,      ///< something that no tensor needs: a real number, a date, an array of numpy; `text` holds the bytes of a long integer
  tuple,       ///< `items`
  list,        ///< `items`; sets too
  mapping,     ///< `items`: key, value, key, value, …
  global,      ///< `text`: "torch.FloatStorage"
  object,      ///< of a network's class: `items` are its attributes, name, value, …; `text` is the class
  persistent,  ///< `items[0]`: the id; what it stands for lies elsewhere in the file
  tensor,      ///< a call of `text` ("torch._utils._rebuild_tensor_v2") with `items` as arguments
};

struct PickleValue {
  PickleKind kind = PickleKind::none;
  int64_t number = 0;
  std::string_view text;
  std::vector<PickleRef> items;
};

/// Values refer to each other by position, so shared and cyclic ones cost nothing. Texts point into the bytes that were read.
struct PickleTree {
  std::vector<PickleValue> values;
  std::deque<std::string> names;  ///< what `text` of globals points to
  PickleRef root = 0;

  const PickleValue& operator[](PickleRef ref) const { return values[ref]; }
  const PickleValue& top() const { return values[root]; }
};

/// Reads one pickle that begins at `position` and moves `position` behind it.
/// Error (data), with `name` for the file: a name that is not on the list ("w.pth: pickle names 'os.system', which is no part of tensors;
/// nothing was executed"), an opcode that is not read, cut off, damaged, a name of more
/// than 1024 bytes, more than kMostPickleValues values and marks on the stack, all told.
PickleTree read_pickle(std::span<const std::byte> bytes, size_t& position, const std::string& name);

inline constexpr size_t kMostPickleValues = 4'000'000;

}  // namespace larmor
