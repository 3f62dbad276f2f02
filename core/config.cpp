#include "core/config.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "core/error.h"
#include "core/files.h"
#include "core/utf8.h"

namespace larmor {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMostNodes = 100'000;
constexpr size_t kMostBytes = size_t{16} << 20;  // of the text, and of all scalars after aliases are filled in
constexpr size_t kDeepest = 64;
constexpr size_t kLongestKey = 200;  // YAML readers stop looking for ':' after 1024 characters, escapes counted
constexpr int kMostIncludes = 100;
constexpr size_t kFlowWidth = 100;

constexpr std::string_view kCommandLine = "command line";

[[noreturn]] void throw_at(const Place& place, const std::string& message) {
  throw_usage_error(fmt::format("{}: {}", place.to_string(), message));
}

const char* kind_name(ConfigNode::Kind kind) {
  switch (kind) {
    case ConfigNode::Kind::null:
      return "null";
    case ConfigNode::Kind::scalar:
      return "a value";
    case ConfigNode::Kind::sequence:
      return "a list";
    case ConfigNode::Kind::map:
      return "a map";
  }
  return "";
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

/// Refuses what YAML refuses: anything but UTF-8 text without control characters. (yaml-cpp would read some of them as an end of file.)
void check_text(std::string_view text, Place place) {
  const bool has_lines = place.line > 0;
  if (text.size() > kMostBytes) throw_at({place.file, 0}, fmt::format("{} bytes; at most {} are read", text.size(), kMostBytes));
  while (!text.empty()) {
    const char c = text.front();
    if (is_control(c) && c != '\n' && c != '\r' && c != '\t') {
      throw_at(place, fmt::format("not valid YAML: control character {}", in_quotes(text.substr(0, 1))));
    }
    if (c == '\n' && has_lines) ++place.line;
    const size_t length = utf8_length(text);
    if (length == 0) throw_at(place, "not valid YAML: not UTF-8 text");
    text.remove_prefix(length);
  }
}

/// Builds the tree from yaml-cpp's events, so that limits hold while reading, not after.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string file, bool has_lines) : file_(std::move(file)), has_lines_(has_lines) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) throw_at(place_of(mark), "a second document begins; one is allowed");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    ConfigNode node;
    node.place = place_of(mark);
    take_leaf(std::move(node), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    check_tag(mark, tag, "tag:yaml.org,2002:str");
    take_leaf(ConfigNode::make_scalar(value, place_of(mark), tag != "?"), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw_at(place_of(mark), "an alias stands inside its own anchor");
    Branch branch = found->second;
    if (frames_.size() + branch.depth > kDeepest) throw_too_deep(branch.node.place);
    branch.node.place = place_of(mark);
    count(branch.node.place, branch.nodes, branch.bytes);
    attach(std::move(branch));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    check_tag(mark, tag, "tag:yaml.org,2002:seq");
    open(ConfigNode::make_sequence(place_of(mark)), anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    check_tag(mark, tag, "tag:yaml.org,2002:map");
    open(ConfigNode::make_map(place_of(mark)), anchor);
  }
  void OnMapEnd() override { close(); }

  ConfigNode take_root() {
    if (root_.place.file.empty()) root_.place = {file_, has_lines_ ? 1 : 0};
    return std::move(root_);
  }

 private:
  struct Branch {
    ConfigNode node;
    size_t nodes = 1;
    size_t bytes = 0;
    size_t depth = 1;
  };

  struct Frame {
    Branch branch;
    YAML::anchor_t anchor = 0;
    std::optional<std::string> key;  ///< read, its value not yet
    Place key_place;
    std::unordered_map<std::string, int> key_lines;
  };

  Place place_of(const YAML::Mark& mark) const { return {file_, has_lines_ ? mark.line + 1 : 0}; }

  void check_tag(const YAML::Mark& mark, const std::string& tag, const std::string& allowed) const {
    if (!tag.empty() && tag != "?" && tag != "!" && tag != allowed)
      throw_at(place_of(mark), fmt::format("tag {} is not allowed", in_quotes(tag)));
  }

  [[noreturn]] void throw_too_deep(const Place& place) const { throw_at(place, fmt::format("nested deeper than {}", kDeepest)); }

  void count(const Place& place, size_t nodes, size_t bytes) {
    nodes_ += nodes;
    bytes_ += bytes;
    if (nodes_ > kMostNodes) throw_at(place, fmt::format("more than {} nodes, aliases filled in", kMostNodes));
    if (bytes_ > kMostBytes) throw_at(place, fmt::format("more than {} bytes, aliases filled in", kMostBytes));
  }

  void take_leaf(ConfigNode node, YAML::anchor_t anchor) {
    Branch branch;
    branch.bytes = node.scalar.size();
    branch.node = std::move(node);
    count(branch.node.place, 1, branch.bytes);
    remember(anchor, branch);
    attach(std::move(branch));
  }

  void open(ConfigNode node, YAML::anchor_t anchor) {
    if (frames_.size() >= kDeepest) throw_too_deep(node.place);
    count(node.place, 1, 0);
    Frame frame;
    frame.branch.node = std::move(node);
    frame.anchor = anchor;
    frames_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    remember(frame.anchor, frame.branch);
    attach(std::move(frame.branch));
  }

  /// Keeps a copy for later aliases; the copy counts as if it were used once.
  void remember(YAML::anchor_t anchor, const Branch& branch) {
    if (anchor == 0) return;
    count(branch.node.place, branch.nodes, branch.bytes);
    anchors_[anchor] = branch;
  }

  void attach(Branch branch) {
    if (frames_.empty()) {
      root_ = std::move(branch.node);
      return;
    }
    Frame& parent = frames_.back();
    parent.branch.nodes += branch.nodes;
    parent.branch.bytes += branch.bytes;
    parent.branch.depth = std::max(parent.branch.depth, branch.depth + 1);
    if (parent.branch.node.is_sequence()) {
      parent.branch.node.items.push_back(std::move(branch.node));
    } else if (!parent.key) {
      take_key(parent, branch.node);
    } else {
      branch.node.place = parent.key_place;
      parent.branch.node.entries.emplace_back(std::move(*parent.key), std::move(branch.node));
      parent.key.reset();
    }
  }

  void take_key(Frame& map, const ConfigNode& key) {
    if (!key.is_scalar()) throw_at(key.place, fmt::format("a key is text, not {}", kind_name(key.kind)));
    if (key.scalar.size() > kLongestKey) {
      throw_at(key.place,
               fmt::format("key {} has {} bytes; at most {} are allowed", in_quotes(key.scalar), key.scalar.size(), kLongestKey));
    }
    const auto [first, is_new] = map.key_lines.emplace(key.scalar, key.place.line);
    if (!is_new) {
      const std::string where = has_lines_ ? fmt::format(", first on line {}", first->second) : "";
      throw_at(key.place, fmt::format("{}: duplicate key{}", path_to(key.scalar), where));
    }
    map.key = key.scalar;
    map.key_place = key.place;
  }

  std::string path_to(const std::string& key) const {
    std::string path;
    for (const Frame& frame : frames_) {
      if (frame.key) path += *frame.key + ".";
    }
    return printable(path + key);
  }

  std::string file_;
  bool has_lines_;
  int documents_ = 0;
  size_t nodes_ = 0;
  size_t bytes_ = 0;
  ConfigNode root_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Branch> anchors_;
};

ConfigNode parse(std::string_view text, const std::string& file_name, bool has_lines) {
  check_text(text, {file_name, has_lines ? 1 : 0});
  TreeBuilder builder(file_name, has_lines);
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    const bool placed = has_lines && !error.mark.is_null();
    throw_at({file_name, placed ? error.mark.line + 1 : 0}, fmt::format("not valid YAML: {}", error.msg));
  }
  return builder.take_root();
}

/// Reads one file and what it includes; `open_files` are those whose includes are being read.
class IncludeReader {
 public:
  ConfigNode read(const fs::path& file, const Place* from) {
    if (++files_ > kMostIncludes) throw_at(*from, fmt::format("include: more than {} files", kMostIncludes));
    check_cycle(file, from);
    ConfigNode own = parse_file(file, from);
    if (own.is_null()) own = ConfigNode::make_map(own.place);
    if (!own.is_map()) throw_at(own.place, fmt::format("a recipe is a map of keys, not {}", kind_name(own.kind)));
    const ConfigNode* include = own.find("include");
    if (include == nullptr) return own;

    open_files_.push_back(file);
    ConfigNode result = ConfigNode::make_map(own.place);
    for (const ConfigNode& name : included_names(*include)) merge(result, read(file.parent_path() / name.scalar, &name.place));
    open_files_.pop_back();
    std::erase_if(own.entries, [](const auto& entry) { return entry.first == "include"; });
    merge(result, own);
    return result;
  }

 private:
  static std::vector<ConfigNode> included_names(const ConfigNode& include) {
    std::vector<ConfigNode> names = include.is_sequence() ? include.items : std::vector<ConfigNode>{include};
    for (const ConfigNode& name : names) {
      if (!name.is_scalar()) throw_at(name.place, fmt::format("include: {} is not a file name", kind_name(name.kind)));
    }
    return names;
  }

  static ConfigNode parse_file(const fs::path& file, const Place* from) {
    std::optional<MappedFile> map;
    try {
      map.emplace(file);
    } catch (const Error& error) {
      if (from == nullptr) throw_usage_error(error.what());
      throw_at(*from, fmt::format("include: {}", error.what()));
    }
    const auto bytes = map->bytes();
    return parse_yaml({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file.string());
  }

  void check_cycle(const fs::path& file, const Place* from) const {
    const auto same = [&](const fs::path& other) {
      std::error_code unknown;
      return fs::equivalent(file, other, unknown);
    };
    const auto first = std::find_if(open_files_.begin(), open_files_.end(), same);
    if (first == open_files_.end()) return;
    std::string chain;
    for (auto it = first; it != open_files_.end(); ++it) chain += it->string() + " -> ";
    throw_at(*from, fmt::format("include: the files include each other: {}{}", chain, first->string()));
  }

  int files_ = 0;
  std::vector<fs::path> open_files_;
};

bool is_null_text(std::string_view text) { return text == "~" || text == "null" || text == "Null" || text == "NULL"; }

/// True when a YAML reader gives back the same text without quotes, in block and in flow style. (yaml-cpp ends a flow scalar at any '?'.)
bool is_plain_safe(std::string_view text) {
  if (text.empty() || is_null_text(text) || text == "=" || text == "<<") return false;
  if (std::string_view("?:,[]{}#&*!|>'\"%@` ").find(text.front()) != std::string_view::npos) return false;
  if (text.front() == '-' && (text.size() == 1 || text[1] == ' ' || text.starts_with("---"))) return false;
  if (text.starts_with("...") || text.back() == ' ' || text.back() == ':') return false;
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) return false;
  return std::none_of(text.begin(), text.end(), [](char c) {
    const bool is_ascii = static_cast<unsigned char>(c) < 0x80;
    return is_control(c) || !is_ascii || c == ',' || c == '[' || c == ']' || c == '{' || c == '}' || c == '?';
  });
}

std::string yaml_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (is_control(c)) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string scalar_text(const ConfigNode& node) {
  if (node.is_null()) return "null";
  return node.quoted || !is_plain_safe(node.scalar) ? yaml_quotes(node.scalar) : node.scalar;
}

/// The node on one line where that reads well: scalars, empty collections, short lists of scalars.
std::optional<std::string> one_line(const ConfigNode& node) {
  if (node.is_map()) return node.entries.empty() ? std::optional<std::string>("{}") : std::nullopt;
  if (!node.is_sequence()) return scalar_text(node);
  std::string line = "[";
  for (const ConfigNode& item : node.items) {
    if (item.is_map() || item.is_sequence()) return std::nullopt;
    line += (line.size() > 1 ? ", " : "") + scalar_text(item);
    if (line.size() > kFlowWidth) return std::nullopt;
  }
  return line + "]";
}

void write_block(const ConfigNode& node, size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  for (const auto& [key, value] : node.entries) {
    out += margin + (is_plain_safe(key) ? key : yaml_quotes(key)) + ":";
    if (const auto line = one_line(value)) {
      out += " " + *line + "\n";
    } else {
      out += "\n";
      write_block(value, indent + 2, out);
    }
  }
  for (const ConfigNode& item : node.items) {
    if (const auto line = one_line(item)) {
      out += margin + "- " + *line + "\n";
    } else {
      const size_t start = out.size();
      write_block(item, indent + 2, out);
      out[start + indent] = '-';
    }
  }
}

}  // namespace

std::string Place::to_string() const { return line > 0 ? fmt::format("{}:{}", file, line) : file; }

ConfigNode::ConfigNode() = default;

const ConfigNode* ConfigNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

ConfigNode* ConfigNode::find(std::string_view key) { return const_cast<ConfigNode*>(std::as_const(*this).find(key)); }

const ConfigNode* ConfigNode::find_path(std::string_view dotted) const {
  const ConfigNode* node = this;
  while (node != nullptr) {
    const size_t dot = dotted.find('.');
    node = node->find(dotted.substr(0, dot));
    if (dot == std::string_view::npos) break;
    dotted.remove_prefix(dot + 1);
  }
  return node;
}

ConfigNode& ConfigNode::set(std::string_view key, ConfigNode value) {
  LARMOR_ASSERT(is_null() || is_map());
  kind = Kind::map;
  if (ConfigNode* existing = find(key)) return *existing = std::move(value);
  return entries.emplace_back(std::string(key), std::move(value)).second;
}

ConfigNode ConfigNode::make_scalar(std::string text, Place place, bool quoted) {
  ConfigNode node;
  node.kind = Kind::scalar;
  node.scalar = std::move(text);
  node.quoted = quoted;
  node.place = std::move(place);
  return node;
}

ConfigNode ConfigNode::make_map(Place place) {
  ConfigNode node;
  node.kind = Kind::map;
  node.place = std::move(place);
  return node;
}

ConfigNode ConfigNode::make_sequence(Place place) {
  ConfigNode node;
  node.kind = Kind::sequence;
  node.place = std::move(place);
  return node;
}

ConfigNode parse_yaml(std::string_view text, const std::string& file_name) { return parse(text, file_name, true); }

ConfigNode read_yaml(const fs::path& file) { return IncludeReader().read(file, nullptr); }

void merge(ConfigNode& base, const ConfigNode& over) {
  if (!base.is_map() || !over.is_map()) {
    base = over;
    return;
  }
  for (const auto& [key, value] : over.entries) {
    if (ConfigNode* existing = base.find(key)) {
      merge(*existing, value);
    } else {
      base.set(key, value);
    }
  }
}

void apply_override(ConfigNode& root, std::string_view assignment) {
  const Place place{std::string(kCommandLine), 0};
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) throw_at(place, fmt::format("{} is not an override; write key=value", in_quotes(assignment)));
  const std::string_view path = assignment.substr(0, equals);
  ConfigNode value = parse(assignment.substr(equals + 1), place.file, false);
  const auto is_bad = [](std::string_view part) { return part.empty() || part.size() > kLongestKey; };

  ConfigNode* node = &root;
  size_t begin = 0;
  while (true) {
    const size_t dot = path.find('.', begin);
    const std::string_view part = path.substr(begin, dot == std::string_view::npos ? dot : dot - begin);
    if (is_bad(part)) throw_at(place, fmt::format("{} is not a key; write words joined by dots", in_quotes(path)));
    if (!node->is_null() && !node->is_map()) {
      const std::string_view parent = begin == 0 ? "the recipe" : path.substr(0, begin - 1);
      throw_at(place, fmt::format("{}: {} is {}, not a map", path, parent, kind_name(node->kind)));
    }
    if (dot == std::string_view::npos) {
      node->set(part, std::move(value));
      return;
    }
    ConfigNode* next = node->find(part);
    node = next != nullptr ? next : &node->set(part, ConfigNode::make_map(place));
    begin = dot + 1;
  }
}

std::string to_yaml(const ConfigNode& node) {
  std::string text;
  if (const auto line = one_line(node)) {
    text = *line + "\n";
  } else {
    write_block(node, 0, text);
  }
  return text;
}

}  // namespace larmor
