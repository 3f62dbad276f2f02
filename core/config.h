// A recipe as read from YAML: a tree whose every node knows the file and line it came from.
//
// The tree keeps scalars as text; types are decided by the option that reads them (core/options.h), so "no", 010 and 1e-3
// never change meaning behind the reader's back.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larmor {

/// Where a value was written: "configs/a.yaml:12", "command line".
struct Place {
  std::string file;
  int line = 0;  ///< from 1; 0 when the source has no lines
  std::string to_string() const;
};

struct ConfigNode {
  enum class Kind { null, scalar, sequence, map };
  Kind kind = Kind::null;
  std::string scalar;                                       ///< text of a scalar, as written
  bool quoted = false;                                      ///< written in quotes: always a string
  std::vector<ConfigNode> items;                            ///< of a sequence
  std::vector<std::pair<std::string, ConfigNode>> entries;  ///< of a map, in file order, keys unique
  Place place;

  ConfigNode();  // in the .cpp: clang 14 cannot instantiate a pair of itself inside an implicit one
  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_sequence() const { return kind == Kind::sequence; }
  bool is_map() const { return kind == Kind::map; }
  /// The entry `key` of a map, or nullptr.
  const ConfigNode* find(std::string_view key) const;
  ConfigNode* find(std::string_view key);
  /// The entry at a dotted path ("optim.lr"), or nullptr.
  const ConfigNode* find_path(std::string_view dotted) const;
  /// Sets a map entry, making the map where the node is null; keeps the order of existing entries.
  ConfigNode& set(std::string_view key, ConfigNode value);

  static ConfigNode make_scalar(std::string text, Place place = {}, bool quoted = false);
  static ConfigNode make_map(Place place = {});
  static ConfigNode make_sequence(Place place = {});
};

/// Parses YAML text. Errors (usage), each with file:line: syntax, not UTF-8, duplicate key, a key over 200 bytes, a second document, a tag
/// other than !!str, !!seq and !!map, nesting over 64, and more than 100 000 nodes or 16 MiB once aliases are filled in (an alias bomb).
/// A value of a map has the line of its key.
ConfigNode parse_yaml(std::string_view text, const std::string& file_name);

/// Reads a recipe. `include: base.yaml` or a list of them (relative to the including file) is merged first, later keys win,
/// maps merge, sequences, scalars and nulls replace. Errors (usage) with the place of the include: a file that is missing or not a map,
/// a cycle, more than 100 files.
ConfigNode read_yaml(const std::filesystem::path& file);

/// Deep merge of `over` into `base` as for includes.
void merge(ConfigNode& base, const ConfigNode& over);

/// Applies "optim.lr=3e-4": the value is parsed as YAML, replaces what stands there, and has the place "command line".
/// Error (usage) when there is no '=', a key is empty, or the path runs through a value or a list.
void apply_override(ConfigNode& root, std::string_view assignment);

/// YAML text of the tree, stable order, strings quoted where YAML would read them as something else.
std::string to_yaml(const ConfigNode& node);

}  // namespace larmor
