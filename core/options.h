// One description per options struct serves reading, validation, defaults, `larmor list`, and the reference page.
//
//   struct LinkNetOptions { std::string encoder = "se_resnext50_32x4d"; int64_t classes = 1; };
//   OptionTable options_of(LinkNetOptions& o) {
//     OptionTable table;
//     table.add("encoder", o.encoder, "encoder network; see `larmor list encoders`");
//     table.add("classes", o.classes, "output channels", at_least(1));
//     return table;
//   }
//   LinkNetOptions o;  options_of(o).read(node, problems);
//
// How values are read (the mistake's line is "a.yaml:4: data.batch: …"):
//   number   1, -0.5, .5, 5., 1e-3, .inf, -.inf; not 1_000, 0x10, .nan      "'eight' is not a number"
//   integer  decimal digits with an optional sign; 010 is ten; not 1e3       "'1e3' is not an integer"
//   boolean  true or false only; yes, no, on, off are text                  "'yes' is not a boolean; must be true or false"
//   text     any scalar as written                                          "unknown value 'x'; nearest: 'y'" where names are fixed
//   A number, integer or boolean in quotes is text and refused; null is refused but for optional fields and nested maps.
//
// The table holds references into the struct and must not outlive it.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"

namespace larmor {

/// All mistakes of a recipe, gathered so that they are told at once, each "place: key: what; allowed; nearest".
class Problems {
 public:
  void add(const Place& place, const std::string& key, const std::string& message);
  bool empty() const { return lines_.empty(); }
  const std::vector<std::string>& lines() const { return lines_; }
  /// Throws Error(usage) with all lines joined by '\n' when there is any.
  void throw_if_any() const;

 private:
  std::vector<std::string> lines_;
};

/// Bounds of a number. Text forms: ">= 1", "> 0", "in [0, 1)", "in [0, 1]".
struct Bounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;
  bool high_open = false;
  bool contains(double value) const;
  std::string to_string() const;  ///< "" when unbounded
};
Bounds at_least(double low);
Bounds greater_than(double low);
Bounds between(double low, double high);     ///< [low, high]
Bounds from_up_to(double low, double high);  ///< [low, high)

/// What `larmor list` and the reference page print of one option.
struct OptionDoc {
  std::string name;           ///< dotted for nested tables
  std::string type;           ///< "number", "integer", "boolean", "text", "list of numbers", …
  std::string default_value;  ///< as YAML
  std::string allowed;        ///< bounds or names, "" when free
  std::string help;
};

class OptionTable {
 public:
  OptionTable& add(std::string name, double& field, std::string help, Bounds bounds = {});
  OptionTable& add(std::string name, int64_t& field, std::string help, Bounds bounds = {});
  OptionTable& add(std::string name, bool& field, std::string help);
  OptionTable& add(std::string name, std::string& field, std::string help, std::vector<std::string> allowed = {});
  OptionTable& add(std::string name, std::vector<double>& field, std::string help, Bounds bounds = {});
  OptionTable& add(std::string name, std::vector<int64_t>& field, std::string help, Bounds bounds = {});
  OptionTable& add(std::string name, std::vector<std::string>& field, std::string help, std::vector<std::string> allowed = {});
  OptionTable& add(std::string name, std::optional<double>& field, std::string help, Bounds bounds = {});  ///< null allowed
  OptionTable& add(std::string name, std::optional<int64_t>& field, std::string help, Bounds bounds = {});
  OptionTable& add(std::string name, std::map<std::string, double>& field, std::string help);  ///< name: number
  /// A [min, max] pair, min <= max. A bare number is refused: whether it means a fixed value or ± is guesswork.
  OptionTable& add_range(std::string name, std::array<double, 2>& field, std::string help, Bounds bounds = {});
  /// A nested map.
  OptionTable& add_table(std::string name, OptionTable table, std::string help);
  /// A subtree that is kept as it is (a component's own options, checked by its registry).
  OptionTable& add_node(std::string name, ConfigNode& field, std::string help);
  /// A rule over several fields, run after all are read without a mistake; it returns "" or a message. `key` is what it is told of.
  OptionTable& check(std::string key, std::function<std::string()> rule);

  /// Reads a map (or null: all defaults). Unknown keys, wrong types and values out of bounds go to `problems` with
  /// place and full key (`prefix` + name; a prefix ends with its dot: "optim."). A field whose value is refused keeps its default.
  void read(const ConfigNode& node, Problems& problems, const std::string& prefix = "");
  /// The current values as a tree: what the resolved recipe stores.
  ConfigNode write() const;
  std::vector<OptionDoc> docs(const std::string& prefix = "") const;
  std::vector<std::string> names() const;

 private:
  struct Entry {
    std::string name;
    OptionDoc doc;                 ///< name not yet prefixed
    std::vector<OptionDoc> inner;  ///< of a nested table
    std::function<void(const ConfigNode& node, Problems& problems, const std::string& key)> read;
    std::function<ConfigNode()> write;
  };
  template <class Field, class Codec>
  OptionTable& add_field(std::string name, Field& field, std::string help, Codec codec);
  OptionTable& add_entry(Entry entry);
  std::vector<Entry> entries_;
  std::vector<std::pair<std::string, std::function<std::string()>>> rules_;
};

}  // namespace larmor
