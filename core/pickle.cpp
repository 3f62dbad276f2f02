#include "core/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "core/error.h"

namespace larmor {

namespace {

/// What becomes of a name when it is called.
enum class Role {
  mapping,         ///< an ordered or plain dictionary
  tensor,          ///< a tensor from a storage
  first_argument,  ///< wraps its argument: parameters, sets, lists of TorchScript
  subclass,        ///< calls its first argument with its third
  reconstruct,     ///< makes an object of its first argument
  network_class,   ///< objects are kept with their attributes
  inert            ///< kept as a name; calls give an opaque value
};

struct KnownName {
  std::string_view name;
  Role role;
};

constexpr std::array kKnownNames = std::to_array<KnownName>({
    {"collections.OrderedDict", Role::mapping},
    {"collections.defaultdict", Role::mapping},
    {"builtins.dict", Role::mapping},
    {"torch._utils._rebuild_tensor", Role::tensor},
    {"torch._utils._rebuild_tensor_v2", Role::tensor},
    {"torch._utils._rebuild_tensor_v3", Role::tensor},
    {"torch._utils._rebuild_parameter", Role::first_argument},
    {"torch._utils._rebuild_parameter_with_state", Role::first_argument},
    {"torch._tensor._rebuild_from_type", Role::subclass},
    {"torch._tensor._rebuild_from_type_v2", Role::subclass},
    {"torch.Size", Role::first_argument},
    {"torch.jit._pickle.build_intlist", Role::first_argument},
    {"torch.jit._pickle.build_boollist", Role::first_argument},
    {"torch.jit._pickle.build_doublelist", Role::first_argument},
    {"torch.jit._pickle.build_tensorlist", Role::first_argument},
    {"torch.jit._pickle.restore_type_tag", Role::first_argument},
    {"builtins.set", Role::first_argument},
    {"builtins.frozenset", Role::first_argument},
    {"copyreg._reconstructor", Role::reconstruct},
    {"torch.device", Role::inert},
    {"torch.serialization._get_layout", Role::inert},
    {"builtins.object", Role::inert},
    {"builtins.int", Role::inert},
    {"builtins.float", Role::inert},
    {"builtins.bool", Role::inert},
    {"builtins.str", Role::inert},
    {"builtins.list", Role::inert},
    {"builtins.tuple", Role::inert},
    {"builtins.complex", Role::inert},
    {"builtins.slice", Role::inert},
    {"builtins.range", Role::inert},
    {"builtins.long", Role::inert},
    {"builtins.bytes", Role::inert},
    {"builtins.bytearray", Role::inert},
    {"_codecs.encode", Role::inert},
    {"collections.Counter", Role::inert},
    {"collections.deque", Role::inert},
    {"argparse.Namespace", Role::inert},
    {"datetime.datetime", Role::inert},
    {"datetime.date", Role::inert},
    {"datetime.timedelta", Role::inert},
    {"decimal.Decimal", Role::inert},
    {"fractions.Fraction", Role::inert},
    {"pathlib.Path", Role::inert},
    {"pathlib.PosixPath", Role::inert},
    {"pathlib.WindowsPath", Role::inert},
    {"pathlib.PurePosixPath", Role::inert},
    {"pathlib._local.PosixPath", Role::inert},
    {"pathlib._local.WindowsPath", Role::inert},
    {"uuid.UUID", Role::inert},
    {"numpy.dtype", Role::inert},
    {"numpy.ndarray", Role::inert},
    {"numpy.core.multiarray.scalar", Role::inert},
    {"numpy.core.multiarray._reconstruct", Role::inert},
    {"numpy.core.numeric._frombuffer", Role::inert},
    {"numpy._core.multiarray.scalar", Role::inert},
    {"numpy._core.multiarray._reconstruct", Role::inert},
    {"numpy._core.numeric._frombuffer", Role::inert},
});

/// Names below these are classes and functions of networks: kept as names, never run.
constexpr std::array kNetworkModules =
    std::to_array<std::string_view>({"__torch__.", "torch.nn.", "segmentation_models_pytorch.", "pretrainedmodels.", "torchvision.models.",
                                     "timm.models.", "timm.layers.", "pytorch_lightning.", "lightning."});
/// "torch.float32", "torch.FloatStorage", "torch.cuda.HalfTensor", "numpy.float64": values and types, whatever their last word.
constexpr std::array kTypeModules = std::to_array<std::string_view>({"torch", "torch.cuda", "torch.storage", "numpy", "numpy.dtypes"});
constexpr std::array kTypeWords = std::to_array<std::string_view>({"float", "double", "half", "bfloat", "int", "uint", "short", "long",
                                                                   "bool", "complex", "cfloat", "cdouble", "chalf", "qint", "quint"});
constexpr std::array kTypeEndings = std::to_array<std::string_view>({"Storage", "Tensor", "DType"});
constexpr std::string_view kTensorMakers = "torch._utils._rebuild";
constexpr size_t kLongestName = 1024;
constexpr size_t kMostNameBytes = size_t{64} << 20;

bool is_type(std::string_view module, std::string_view name) {
  if (std::find(kTypeModules.begin(), kTypeModules.end(), module) == kTypeModules.end()) return false;
  return std::any_of(kTypeEndings.begin(), kTypeEndings.end(), [&](std::string_view ending) { return name.ends_with(ending); }) ||
         std::any_of(kTypeWords.begin(), kTypeWords.end(), [&](std::string_view word) { return name.starts_with(word); });
}

/// Pickles of protocol 2 and below use the names of Python 2.
std::string_view current_module(std::string_view module) {
  if (module == "__builtin__") return "builtins";
  return module == "copy_reg" ? "copyreg" : module;
}

std::optional<Role> role_of(std::string_view module, std::string_view name) {
  const std::string full = fmt::format("{}.{}", current_module(module), name);
  const auto known = std::find_if(kKnownNames.begin(), kKnownNames.end(), [&](const KnownName& entry) { return entry.name == full; });
  if (known != kKnownNames.end()) return known->role;
  const std::string path = std::string(module) + ".";
  const bool is_network =
      std::any_of(kNetworkModules.begin(), kNetworkModules.end(), [&](std::string_view prefix) { return path.starts_with(prefix); });
  if (is_network) return Role::network_class;
  if (is_type(module, name)) return Role::inert;
  return std::nullopt;
}

/// The machine: a stack of positions in the tree, marks and a memo.
class Machine {
 public:
  Machine(std::span<const std::byte> bytes, size_t position, const std::string& file) : bytes_(bytes), position_(position), file_(file) {}

  PickleTree run() {
    while (!step()) {
    }
    return std::move(tree_);
  }
  size_t position() const { return position_; }

 private:
  // --- bytes ---
  [[noreturn]] void fail(const std::string& what) const { throw_data_error(fmt::format("{}: {}", file_, what)); }
  [[noreturn]] void fail_damaged(std::string_view what) const { fail(fmt::format("pickle is damaged at byte {}: {}", opcode_at_, what)); }

  std::string_view take(uint64_t count) {
    if (count > bytes_.size() - position_) {
      fail(fmt::format("pickle needs {} bytes at byte {}, but only {} follow: the file is cut off", count, position_,
                       bytes_.size() - position_));
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + position_, count);
    position_ += count;
    return text;
  }
  uint64_t take_number(size_t count) {
    uint64_t value = 0;
    const std::string_view text = take(count);
    for (size_t i = 0; i < count; ++i) value |= static_cast<uint64_t>(static_cast<unsigned char>(text[i])) << (8 * i);
    return value;
  }
  std::string_view take_line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + position_, bytes_.size() - position_);
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) fail(fmt::format("pickle has no end of line after byte {}: the file is cut off", position_));
    position_ += end + 1;
    return rest.substr(0, end);
  }

  // --- stack and memo ---
  void spend(size_t count) {
    spent_ += count;
    if (spent_ > kMostPickleValues) fail(fmt::format("pickle has more than {} values", kMostPickleValues));
  }
  PickleRef make(PickleValue value) {
    tree_.values.push_back(std::move(value));
    return static_cast<PickleRef>(tree_.values.size() - 1);
  }
  void push(PickleRef ref) {
    spend(1);
    stack_.push_back(ref);
  }
  void push(PickleValue value) { push(make(std::move(value))); }
  void push_text(std::string_view text) { push({.kind = PickleKind::text, .text = text}); }
  void push_opaque(std::string_view text = {}) { push({.kind = PickleKind::opaque, .text = text}); }
  void push_integer(int64_t value) { push({.kind = PickleKind::integer, .number = value}); }
  void push_boolean(bool value) { push({.kind = PickleKind::boolean, .number = value}); }
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleRef pop() {
    const PickleRef ref = top();
    stack_.pop_back();
    return ref;
  }
  PickleRef top() const {
    if (stack_.size() <= floor()) fail_damaged("the stack is empty");
    return stack_.back();
  }
  std::vector<PickleRef> pop_to_mark() {
    if (marks_.empty()) fail_damaged("a mark is missing");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleRef> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<PickleRef> pop_many(size_t count) {
    std::vector<PickleRef> items(count);
    for (size_t i = count; i > 0; --i) items[i - 1] = pop();
    return items;
  }
  void remember(uint64_t index) {
    if (index >= kMostPickleValues) fail(fmt::format("pickle has a memo of more than {} values", kMostPickleValues));
    if (index >= memo_.size()) memo_.resize(index + 1, kNothing);
    memo_[index] = top();
    memo_count_ = std::max(memo_count_, index + 1);
  }
  void recall(uint64_t index) {
    if (index >= memo_.size() || memo_[index] == kNothing) fail_damaged("it recalls what was not stored");
    push(memo_[index]);
  }
  uint64_t index_from(std::string_view line) const {
    uint64_t index = 0;
    const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), index);
    if (failure != std::errc() || end != line.data() + line.size()) fail_damaged("no number where one must be");
    return index;
  }

  // --- meaning ---
  PickleValue& at(PickleRef ref) { return tree_.values[ref]; }

  void count_name(size_t size) {
    if (size > kLongestName) fail(fmt::format("pickle has a name of {} bytes; at most {} are allowed", size, kLongestName));
    name_bytes_ += size;
    if (name_bytes_ > kMostNameBytes) fail(fmt::format("pickle has names of more than {} bytes", kMostNameBytes));
  }

  void push_global(std::string_view module, std::string_view name) {
    count_name(module.size() + name.size());
    const std::string full = fmt::format("{}.{}", module, name);
    const std::optional<Role> role = role_of(module, name);
    if (!role) {
      if (full.starts_with(kTensorMakers))
        fail(fmt::format("holds a tensor made by {}, which is not read; store it as a plain (dense, unquantised) one", in_quotes(full)));
      fail(fmt::format("pickle names {}, which is no part of tensors; nothing was executed", in_quotes(full)));
    }
    tree_.names.push_back(full);
    push({.kind = PickleKind::global, .number = static_cast<int64_t>(*role), .text = tree_.names.back()});
  }

  Role role_at(PickleRef callable) const {
    const PickleValue& value = tree_.values[callable];
    if (value.kind != PickleKind::global) fail(fmt::format("pickle calls what is no name at byte {}; nothing was executed", opcode_at_));
    return static_cast<Role>(value.number);
  }

  PickleRef object_of(PickleRef type) {
    if (at(type).kind != PickleKind::global) return make({.kind = PickleKind::opaque});
    switch (role_at(type)) {
      case Role::network_class:
        return make({.kind = PickleKind::object, .text = at(type).text});
      case Role::mapping:
        return make({.kind = PickleKind::mapping});
      default:
        return make({.kind = PickleKind::opaque});
    }
  }

  /// dict(), dict(another), dict([(key, value), …]).
  PickleRef make_mapping(const std::vector<PickleRef>& arguments) {
    if (!arguments.empty() && at(arguments[0]).kind == PickleKind::mapping) return arguments[0];
    PickleValue mapping{.kind = PickleKind::mapping};
    if (!arguments.empty() && at(arguments[0]).kind == PickleKind::list) {
      spend(2 * at(arguments[0]).items.size());
      for (const PickleRef ref : at(arguments[0]).items) {
        const PickleValue& pair = at(ref);
        if ((pair.kind != PickleKind::tuple && pair.kind != PickleKind::list) || pair.items.size() != 2)
          fail_damaged("a dictionary of no pairs");
        mapping.items.insert(mapping.items.end(), pair.items.begin(), pair.items.end());
      }
    }
    return make(std::move(mapping));
  }

  PickleRef call(PickleRef callable, PickleRef arguments_ref, bool may_nest = true) {
    const Role role = role_at(callable);
    if (at(arguments_ref).kind != PickleKind::tuple) fail_damaged("the arguments of a call are no tuple");
    const std::vector<PickleRef> arguments = at(arguments_ref).items;
    spend(arguments.size());
    switch (role) {
      case Role::mapping:
        return make_mapping(arguments);
      case Role::tensor:
        return make({.kind = PickleKind::tensor, .text = at(callable).text, .items = arguments});
      case Role::first_argument:
        return arguments.empty() ? make({.kind = PickleKind::list}) : arguments[0];
      case Role::subclass:
        if (arguments.size() < 3 || !may_nest) fail_damaged("a tensor's subclass without its tensor");
        return call(arguments[0], arguments[2], /*may_nest=*/false);
      case Role::reconstruct:
        if (arguments.empty()) fail_damaged("an object without its class");
        return object_of(arguments[0]);
      case Role::network_class:
      case Role::inert:
        return object_of(callable);
    }
    return make({.kind = PickleKind::opaque});
  }

  /// What holds a class or its source is the class; the rest is looked up by whoever knows the file.
  void push_persistent(PickleRef id) {
    const PickleValue& value = at(id);
    if (value.kind == PickleKind::tuple && !value.items.empty()) {
      const PickleValue& first = at(value.items[0]);
      if (first.kind == PickleKind::global) return push(value.items[0]);
      if (first.kind == PickleKind::text && first.text == "module" && value.items.size() > 1) return push(value.items[1]);
    }
    push({.kind = PickleKind::persistent, .items = {id}});
  }

  void set_items(const std::vector<PickleRef>& items) {
    if (items.size() % 2 != 0) fail_damaged("a key without a value");
    PickleValue& target = at(top());
    if (target.kind == PickleKind::mapping) {
      spend(items.size());
      target.items.insert(target.items.end(), items.begin(), items.end());
    } else if (target.kind != PickleKind::opaque && target.kind != PickleKind::object) {
      fail_damaged("items for what is no dictionary");
    }
  }
  void append(const std::vector<PickleRef>& items) {
    PickleValue& target = at(top());
    if (target.kind == PickleKind::list) {
      spend(items.size());
      target.items.insert(target.items.end(), items.begin(), items.end());
    } else if (target.kind != PickleKind::opaque && target.kind != PickleKind::object) {
      fail_damaged("elements for what is no list");
    }
  }
  void build(PickleRef state) {
    if (at(state).kind == PickleKind::tuple && !at(state).items.empty()) state = at(state).items[0];
    PickleValue& target = at(top());
    if (target.kind != PickleKind::object || at(state).kind != PickleKind::mapping) return;
    spend(at(state).items.size());
    target.items.insert(target.items.end(), at(state).items.begin(), at(state).items.end());
  }

  void push_long(std::string_view digits) {
    if (digits.size() > sizeof(int64_t)) return push_opaque(digits);
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(int64_t); ++i) {
      const bool is_negative = !digits.empty() && (digits.back() & 0x80) != 0;
      const auto byte = i < digits.size() ? static_cast<unsigned char>(digits[i]) : static_cast<unsigned char>(is_negative ? 0xFF : 0);
      value |= static_cast<uint64_t>(byte) << (8 * i);
    }
    push_integer(static_cast<int64_t>(value));
  }
  void push_decimal(std::string_view line) {
    if (line == "00" || line == "01") return push_boolean(line == "01");
    if (line.ends_with('L')) line.remove_suffix(1);
    int64_t value = 0;
    const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (failure == std::errc::result_out_of_range) return push_opaque(line);
    if (failure != std::errc() || end != line.data() + line.size()) fail_damaged("no number where one must be");
    push_integer(value);
  }
  void push_quoted(std::string_view line) {
    if (line.size() < 2 || line.front() != line.back() || (line.front() != '\'' && line.front() != '"'))
      fail_damaged("text without quotes");
    push_text(line.substr(1, line.size() - 2));
  }

  /// True after the last opcode.
  bool step() {
    opcode_at_ = position_;
    const auto opcode = static_cast<unsigned char>(take(1)[0]);
    if (opcode == '.') {
      tree_.root = pop();
      return true;
    }
    if (!step_scalar(opcode) && !step_container(opcode) && !step_stack(opcode) && !step_call(opcode)) {
      fail(fmt::format("pickle has opcode 0x{:02x} at byte {}, which is no part of tensors; nothing was executed", opcode, opcode_at_));
    }
    return false;
  }

  bool step_scalar(unsigned char opcode) {
    switch (opcode) {
      case 'N':
        push(PickleValue{});
        return true;
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        push_boolean(opcode == 0x88);
        return true;
      case 'J':  // BININT
        push_integer(static_cast<int32_t>(take_number(4)));
        return true;
      case 'K':  // BININT1
        push_integer(static_cast<int64_t>(take_number(1)));
        return true;
      case 'M':  // BININT2
        push_integer(static_cast<int64_t>(take_number(2)));
        return true;
      case 'I':
      case 'L':
        push_decimal(take_line());
        return true;
      case 0x8a:  // LONG1
        push_long(take(take_number(1)));
        return true;
      case 0x8b:  // LONG4
        push_long(take(take_number(4)));
        return true;
      case 'F':
        push_opaque(take_line());
        return true;
      case 'G':  // BINFLOAT
        push_opaque(take(8));
        return true;
      default:
        return step_text(opcode);
    }
  }

  bool step_text(unsigned char opcode) {
    switch (opcode) {
      case 'S':
        push_quoted(take_line());
        return true;
      case 'V':  // UNICODE
        push_text(take_line());
        return true;
      case 'U':   // SHORT_BINSTRING
      case 'C':   // SHORT_BINBYTES
      case 0x8c:  // SHORT_BINUNICODE
        push_text(take(take_number(1)));
        return true;
      case 'T':  // BINSTRING
      case 'B':  // BINBYTES
      case 'X':  // BINUNICODE
        push_text(take(take_number(4)));
        return true;
      case 0x8d:  // BINUNICODE8
      case 0x8e:  // BINBYTES8
      case 0x96:  // BYTEARRAY8
        push_text(take(take_number(8)));
        return true;
      default:
        return false;
    }
  }

  bool step_container(unsigned char opcode) {
    switch (opcode) {
      case ')':
        push({.kind = PickleKind::tuple});
        return true;
      case 't':
        push({.kind = PickleKind::tuple, .items = pop_to_mark()});
        return true;
      case 0x85:  // TUPLE1
      case 0x86:  // TUPLE2
      case 0x87:  // TUPLE3
        push({.kind = PickleKind::tuple, .items = pop_many(opcode - size_t{0x84})});
        return true;
      case ']':
      case 0x8f:  // EMPTY_SET
        push({.kind = PickleKind::list});
        return true;
      case 'l':
      case 0x91:  // FROZENSET
        push({.kind = PickleKind::list, .items = pop_to_mark()});
        return true;
      case '}':
        push({.kind = PickleKind::mapping});
        return true;
      case 'd': {
        const std::vector<PickleRef> items = pop_to_mark();
        push({.kind = PickleKind::mapping});
        set_items(items);
        return true;
      }
      default:
        return step_fill(opcode);
    }
  }

  bool step_fill(unsigned char opcode) {
    switch (opcode) {
      case 'a':
        append(pop_many(1));
        return true;
      case 'e':
      case 0x90:  // ADDITEMS
        append(pop_to_mark());
        return true;
      case 's':
        set_items(pop_many(2));
        return true;
      case 'u':
        set_items(pop_to_mark());
        return true;
      case 'b':
        build(pop());
        return true;
      default:
        return false;
    }
  }

  bool step_stack(unsigned char opcode) {
    switch (opcode) {
      case 0x80:  // PROTO
        if (take_number(1) > 5) fail_damaged("protocol above 5");
        return true;
      case 0x95:  // FRAME
        take_number(8);
        return true;
      case '(':
        spend(1);
        marks_.push_back(stack_.size());
        return true;
      case '0':
        pop();
        return true;
      case '1':
        pop_to_mark();
        return true;
      case '2':
        push(top());
        return true;
      case 'p':
        remember(index_from(take_line()));
        return true;
      case 'q':
        remember(take_number(1));
        return true;
      case 'r':
        remember(take_number(4));
        return true;
      case 0x94:  // MEMOIZE
        remember(memo_count_);
        return true;
      case 'g':
        recall(index_from(take_line()));
        return true;
      case 'h':
        recall(take_number(1));
        return true;
      case 'j':
        recall(take_number(4));
        return true;
      default:
        return false;
    }
  }

  bool step_call(unsigned char opcode) {
    switch (opcode) {
      case 'c': {
        const std::string_view module = take_line();
        push_global(module, take_line());
        return true;
      }
      case 0x93: {  // STACK_GLOBAL
        const std::vector<PickleRef> names = pop_many(2);
        if (at(names[0]).kind != PickleKind::text || at(names[1]).kind != PickleKind::text) fail_damaged("a name that is no text");
        push_global(at(names[0]).text, at(names[1]).text);
        return true;
      }
      case 'R':     // REDUCE
      case 0x81: {  // NEWOBJ
        const std::vector<PickleRef> parts = pop_many(2);
        push(call(parts[0], parts[1]));
        return true;
      }
      case 0x92: {  // NEWOBJ_EX
        const std::vector<PickleRef> parts = pop_many(3);
        push(call(parts[0], parts[1]));
        return true;
      }
      case 'P':
        push_text(take_line());
        push_persistent(pop());
        return true;
      case 'Q':
        push_persistent(pop());
        return true;
      default:
        return false;
    }
  }

  static constexpr PickleRef kNothing = 0xFFFFFFFF;

  std::span<const std::byte> bytes_;
  size_t position_;
  size_t opcode_at_ = 0;
  const std::string& file_;
  PickleTree tree_;
  std::vector<PickleRef> stack_;
  std::vector<size_t> marks_;
  std::vector<PickleRef> memo_;
  uint64_t memo_count_ = 0;
  size_t spent_ = 0, name_bytes_ = 0;
};

}  // namespace

PickleTree read_pickle(std::span<const std::byte> bytes, size_t& position, const std::string& name) {
  Machine machine(bytes, position, name);
  PickleTree tree = machine.run();
  position = machine.position();
  return tree;
}

}  // namespace larmor
