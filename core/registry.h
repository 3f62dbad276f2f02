// Components by name: the one place that `train`, `list` and the reference page ask.
//
// Every kind of component (models, losses, optim, …) has `<kind>/registry.h` with
//     using Registry = ComponentRegistry<Product, Arguments...>;   const Registry& registry();
// and CMake generates registry() from larmor_components(<kind> name…), so nothing depends on static initialisers.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/options.h"

namespace larmor {

template <class Product, class... Arguments>
class ComponentRegistry {
 public:
  struct Component {
    std::string name;
    std::string summary;  ///< one line
    std::string source;   ///< paper or project, with section
    std::function<std::vector<OptionDoc>()> docs;
    /// Reads options from a map into a new default struct, adds every mistake to `problems`, returns the resolved options.
    std::function<ConfigNode(const ConfigNode& options, Problems& problems, const std::string& prefix)> resolve;
    /// Makes the product from options (throws Error(usage) when they are wrong).
    std::function<Product(const ConfigNode& options, Arguments... arguments)> make;
  };

  explicit ComponentRegistry(std::string kind) : kind_(std::move(kind)) {}

  /// Adds a component whose options are the struct `Options` with a free function `OptionTable options_of(Options&)`.
  template <class Options, class Make>
  void add(const std::string& name, const std::string& summary, const std::string& source, Make make, Options defaults = {}) {
    LARMOR_ASSERT(find(name) == nullptr);
    Component component;
    component.name = name;
    component.summary = summary;
    component.source = source;
    component.docs = [defaults] {
      Options options = defaults;
      return options_of(options).docs();
    };
    component.resolve = [defaults](const ConfigNode& node, Problems& problems, const std::string& prefix) {
      Options options = defaults;
      OptionTable table = options_of(options);
      table.read(node, problems, prefix);
      return table.write();
    };
    component.make = [defaults, make](const ConfigNode& node, Arguments... arguments) -> Product {
      Options options = defaults;
      Problems problems;
      options_of(options).read(node, problems);
      problems.throw_if_any();
      return make(options, arguments...);
    };
    components_.push_back(std::move(component));
  }

  const Component* find(const std::string& name) const {
    for (const Component& component : components_) {
      if (component.name == name) return &component;
    }
    return nullptr;
  }

  /// The component, or Error(usage): "unknown optimizer 'ranglars'; nearest: 'rangerlars' (larmor list optimizers)".
  const Component& at(const std::string& name) const {
    if (const Component* found = find(name)) return *found;
    throw_usage_error(unknown_message(name));
  }

  std::string unknown_message(const std::string& name) const {
    return unknown_name_message(singular(), name, names(), "larmor list " + plural());
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Component& component : components_) all.push_back(component.name);
    return all;
  }

  const std::vector<Component>& components() const { return components_; }
  const std::string& kind() const { return kind_; }
  /// "optim" → "optimizer"; what errors and `larmor list` call one of them.
  std::string singular() const { return kind_ == "losses" ? "loss" : plural().substr(0, plural().size() - 1); }
  std::string plural() const {
    return kind_ == "optim" ? "optimizers" : kind_ == "eval" ? "tasks" : kind_ == "datasets" ? "sources" : kind_;
  }

 private:
  std::string kind_;
  std::vector<Component> components_;
};

}  // namespace larmor
