#include "core/pytorch_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <unordered_set>

#include "core/error.h"
#include "core/utf8.h"

namespace larmor {

namespace {

constexpr std::array kStateKeys = std::to_array<std::string_view>(
    {"state_dict", "model_state_dict", "model", "net", "network", "model_state", "weights", "params", "module", "encoder"});
constexpr size_t kDeepest = 64;
constexpr size_t kMostVisits = 4'000'000;
constexpr size_t kLongestName = 4096;
constexpr size_t kMostNameBytes = size_t{64} << 20;
constexpr size_t kNamesInMessage = 5;

std::string list_of(const std::vector<std::string_view>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < kNamesInMessage; ++i) text += (i > 0 ? ", " : "") + printable(names[i]);
  return names.size() > kNamesInMessage ? text + ", …" : text;
}

using NamedRef = std::pair<std::string_view, PickleRef>;
using NamedRefs = std::vector<NamedRef>;

class Finder {
 public:
  Finder(const PickleTree& tree, const std::string& file) : tree_(tree), file_(file) {}

  FoundState run() {
    PickleRef ref = tree_.root;
    for (size_t depth = 0; tree_[ref].kind == PickleKind::mapping; ++depth) {
      if (depth > kDeepest) fail("its dictionaries refer to each other: no state dict in it");
      const PickleRef inner = choose_in(ref);
      if (inner == ref) break;
      ref = inner;
    }
    const PickleValue& value = tree_[ref];
    if (value.kind == PickleKind::mapping) {
      take_mapping(value);
    } else if (value.kind == PickleKind::object) {
      result_.notes.push_back(fmt::format("took the tensors of a stored {}", in_quotes(value.text)));
      take_object(value, "", 0);
    }
    if (result_.tensors.empty()) fail("holds no tensors by name");
    check_names();
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw_data_error(fmt::format("{}: {}", file_, what)); }

  /// A dictionary of tensors, a network, or a dictionary around one of them.
  bool may_hold_state(const PickleValue& value, size_t depth) {
    if (value.kind == PickleKind::object) return true;
    if (value.kind != PickleKind::mapping) return false;
    visit(value);
    for (size_t i = 1; i < value.items.size(); i += 2) {
      if (is_tensor(tree_, tree_[value.items[i]])) return true;
    }
    return depth > 0 && std::any_of(kStateKeys.begin(), kStateKeys.end(), [&](std::string_view key) {
             const PickleValue* inner = find_key(tree_, value, key);
             return inner != nullptr && may_hold_state(*inner, depth - 1);
           });
  }

  /// The value of `mapping` that holds the state dict, or itself.
  PickleRef choose_in(PickleRef mapping) {
    NamedRefs states;
    std::vector<std::string_view> others;
    bool has_tensor = false;
    const PickleValue& value = tree_[mapping];
    for (size_t i = 0; i < value.items.size(); i += 2) {
      const PickleValue& key = tree_[value.items[i]];
      if (key.kind != PickleKind::text) continue;
      const PickleValue& entry = tree_[value.items[i + 1]];
      if (may_hold_state(entry, 2)) {
        states.emplace_back(key.text, value.items[i + 1]);
      } else {
        others.emplace_back(key.text);
        has_tensor = has_tensor || is_tensor(tree_, entry);
      }
    }
    const auto* chosen = by_usual_name(states);
    if (chosen == nullptr && has_tensor) return mapping;
    if (chosen == nullptr && states.size() == 1) chosen = states.data();
    if (chosen == nullptr) refuse_choice(states, others);
    for (const auto& [name, ref] : states) {
      if (ref != chosen->second) others.push_back(name);
    }
    const std::string left = others.empty() ? "" : ", left " + list_of(others);
    result_.notes.push_back(fmt::format("took {}{}", in_quotes(chosen->first), left));
    return chosen->second;
  }

  static const NamedRef* by_usual_name(const NamedRefs& states) {
    for (const std::string_view key : kStateKeys) {
      const auto found = std::find_if(states.begin(), states.end(), [&](const auto& state) { return state.first == key; });
      if (found != states.end()) return &*found;
    }
    return nullptr;
  }

  [[noreturn]] void refuse_choice(const NamedRefs& states, const std::vector<std::string_view>& others) const {
    if (states.empty()) fail(others.empty() ? "holds no tensors by name" : fmt::format("no state dict in it, only {}", list_of(others)));
    std::vector<std::string_view> names;
    for (const auto& [name, ref] : states) names.push_back(name);
    fail(fmt::format("holds several state dicts ({}); store the one that is wanted as 'state_dict'", list_of(names)));
  }

  void take_mapping(const PickleValue& mapping) {
    std::vector<std::string_view> others;
    for (size_t i = 0; i < mapping.items.size(); i += 2) {
      const PickleValue& key = tree_[mapping.items[i]];
      const bool is_taken = key.kind == PickleKind::text && is_tensor(tree_, tree_[mapping.items[i + 1]]);
      if (is_taken) {
        count_name(key.text.size());
        result_.tensors.emplace_back(key.text, mapping.items[i + 1]);
      } else {
        others.emplace_back(key.kind == PickleKind::text ? key.text : "a key that is no text");
      }
    }
    if (!others.empty()) result_.notes.push_back(fmt::format("left {} entries that are no tensors: {}", others.size(), list_of(others)));
  }

  /// Parameters, buffers, then the modules below, as state_dict() orders them. TorchScript keeps all three as plain attributes.
  void take_object(const PickleValue& object, const std::string& prefix, size_t depth) {
    visit(object);
    if (depth > kDeepest) fail(fmt::format("its modules are nested deeper than {}", kDeepest));
    const PickleValue* parameters = find_key(tree_, object, "_parameters");
    const PickleValue* buffers = find_key(tree_, object, "_buffers");
    const PickleValue* modules = find_key(tree_, object, "_modules");
    const bool is_python = parameters != nullptr || modules != nullptr;
    if (!is_python) {
      take_tensors(object, prefix, nullptr);
      take_modules(object, prefix, depth);
      return;
    }
    if (parameters != nullptr) take_tensors(*parameters, prefix, nullptr);
    if (buffers != nullptr) take_tensors(*buffers, prefix, find_key(tree_, object, "_non_persistent_buffers_set"));
    if (modules != nullptr) take_modules(*modules, prefix, depth);
  }

  void take_tensors(const PickleValue& named, const std::string& prefix, const PickleValue* without) {
    visit(named);
    const std::set<std::string_view> left = without == nullptr ? std::set<std::string_view>() : texts_of(*without);
    for (size_t i = 0; i + 1 < named.items.size(); i += 2) {
      const PickleValue& key = tree_[named.items[i]];
      if (key.kind != PickleKind::text || !is_tensor(tree_, tree_[named.items[i + 1]])) continue;
      count_name(prefix.size() + key.text.size());
      if (!left.contains(key.text)) result_.tensors.emplace_back(prefix + std::string(key.text), named.items[i + 1]);
    }
  }

  std::set<std::string_view> texts_of(const PickleValue& list) {
    visit(list);
    std::set<std::string_view> texts;
    for (const PickleRef ref : list.items) {
      if (tree_[ref].kind != PickleKind::text) continue;
      count_name(tree_[ref].text.size());
      texts.insert(tree_[ref].text);
    }
    return texts;
  }

  void take_modules(const PickleValue& named, const std::string& prefix, size_t depth) {
    visit(named);
    for (size_t i = 0; i + 1 < named.items.size(); i += 2) {
      const PickleValue& key = tree_[named.items[i]];
      const PickleValue& module = tree_[named.items[i + 1]];
      if (key.kind != PickleKind::text || module.kind != PickleKind::object) continue;
      count_name(prefix.size() + key.text.size());
      take_object(module, fmt::format("{}{}.", prefix, key.text), depth + 1);
    }
  }

  void count_name(size_t size) {
    if (size > kLongestName) fail(fmt::format("a name of {} bytes; at most {} are allowed", size, kLongestName));
    name_bytes_ += size;
    if (name_bytes_ > kMostNameBytes) fail(fmt::format("its names have more than {} bytes", kMostNameBytes));
  }

  /// Modules may be shared, so that a small tree stands for an endless one.
  void visit(const PickleValue& named) {
    visits_ += 1 + named.items.size();
    if (visits_ > kMostVisits) fail(fmt::format("its dictionaries and modules have more than {} entries", kMostVisits));
  }

  void check_names() const {
    std::unordered_set<std::string> names;
    for (const auto& [name, tensor] : result_.tensors) {
      if (!is_utf8(name)) fail(fmt::format("the name of tensor {} is not UTF-8 text", names.size() + 1));
      if (!names.insert(name).second) fail(fmt::format("two tensors are called {}", in_quotes(name)));
    }
  }

  const PickleTree& tree_;
  const std::string& file_;
  FoundState result_;
  size_t visits_ = 0;
  size_t name_bytes_ = 0;
};

}  // namespace

const PickleValue* find_key(const PickleTree& tree, const PickleValue& mapping, std::string_view key) {
  for (size_t i = 0; i + 1 < mapping.items.size(); i += 2) {
    const PickleValue& name = tree[mapping.items[i]];
    if (name.kind == PickleKind::text && name.text == key) return &tree[mapping.items[i + 1]];
  }
  return nullptr;
}

bool is_tensor(const PickleTree& tree, const PickleValue& value) {
  if (value.kind == PickleKind::tensor) return true;
  return value.kind == PickleKind::persistent && tree[value.items[0]].kind == PickleKind::text;
}

FoundState find_state(const PickleTree& tree, const std::string& file) { return Finder(tree, file).run(); }

}  // namespace larmor
