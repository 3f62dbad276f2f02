#include "core/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>

#include "core/error.h"

namespace larmor {

namespace {

/// What a node is called when it is not what was wanted.
std::string describe(const ConfigNode& node) {
  switch (node.kind) {
    case ConfigNode::Kind::null:
      return "null";
    case ConfigNode::Kind::scalar:
      return in_quotes(node.scalar);
    case ConfigNode::Kind::sequence:
      return "a list";
    case ConfigNode::Kind::map:
      return "a map";
  }
  return "";
}

/// "'eight' is not an integer"; for quoted text that hint is added.
std::string wrong_type(const ConfigNode& node, std::string_view type) {
  std::string message = fmt::format("{} is not {}", describe(node), type);
  if (node.is_scalar() && node.quoted) message += "; text in quotes stays text";
  return message;
}

enum class Parsed { value, not_a_number, too_large };

template <class T>
Parsed parse_decimal(std::string_view text, T& value) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return Parsed::not_a_number;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return Parsed::not_a_number;
  return error == std::errc::result_out_of_range ? Parsed::too_large : Parsed::value;
}

Parsed parse_number(std::string_view text, double& value) {
  if (text == ".inf" || text == "+.inf" || text == "-.inf") {
    value = std::copysign(std::numeric_limits<double>::infinity(), text.front() == '-' ? -1.0 : 1.0);
    return Parsed::value;
  }
  // from_chars also reads "inf" and "nan", which in YAML are words.
  const bool has_other_letters = text.find_first_not_of("+-.0123456789eE") != std::string_view::npos;
  return has_other_letters ? Parsed::not_a_number : parse_decimal(text, value);
}

std::string number_text(double value) {
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  return fmt::format("{}", value);
}

/// A scalar that other YAML readers would take for a number, a boolean or null when it stands without quotes.
bool looks_typed(const std::string& text) {
  static const std::vector<std::string> words = {"true", "false", "yes", "no", "on", "off", "y", "n", "null", "~", ""};
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool is_word = std::find(words.begin(), words.end(), lower) != words.end();
  const bool starts_as_number = !text.empty() && std::string_view("+-.0123456789").find(text.front()) != std::string_view::npos;
  return is_word || (starts_as_number && text.find_first_not_of("+-._0123456789abcdefABCDEFxXoO:TZin") == std::string::npos);
}

// A codec reads one type of field from a node and writes it back. `read` returns "" or what is wrong.

template <class T>
struct NumericCodec {
  Bounds bounds;

  static constexpr bool kIsInteger = std::is_same_v<T, int64_t>;
  std::string type() const { return kIsInteger ? "integer" : "number"; }
  std::string plural() const { return type() + "s"; }
  std::string allowed() const { return bounds.to_string(); }

  std::string read(const ConfigNode& node, T& field) const {
    const std::string_view type_name = kIsInteger ? "an integer" : "a number";
    if (!node.is_scalar() || node.quoted) return wrong_type(node, type_name);
    T value{};
    const Parsed parsed = parse(node.scalar, value);
    if (parsed == Parsed::not_a_number) return wrong_type(node, type_name);
    if (parsed == Parsed::too_large) return fmt::format("{} is out of range for {}", describe(node), type_name);
    if (!bounds.contains(static_cast<double>(value))) {
      return fmt::format("{} is not allowed; must be {}", node.scalar, bounds.to_string());
    }
    field = value;
    return "";
  }

  ConfigNode write(T field) const {
    if constexpr (kIsInteger) {
      return ConfigNode::make_scalar(fmt::format("{}", field));
    } else {
      return ConfigNode::make_scalar(number_text(field));
    }
  }

 private:
  static Parsed parse(std::string_view text, T& value) {
    if constexpr (kIsInteger) {
      return parse_decimal(text, value);
    } else {
      return parse_number(text, value);
    }
  }
};

struct BooleanCodec {
  std::string type() const { return "boolean"; }
  std::string allowed() const { return "true, false"; }

  std::string read(const ConfigNode& node, bool& field) const {
    const bool is_boolean = node.is_scalar() && !node.quoted && (node.scalar == "true" || node.scalar == "false");
    if (!is_boolean) return fmt::format("{} is not a boolean; must be true or false", describe(node));
    field = node.scalar == "true";
    return "";
  }
  ConfigNode write(bool field) const { return ConfigNode::make_scalar(field ? "true" : "false"); }
};

struct TextCodec {
  std::vector<std::string> names;  ///< the allowed ones; empty: any

  std::string type() const { return "text"; }
  std::string plural() const { return "texts"; }
  std::string allowed() const { return fmt::format("{}", fmt::join(names, ", ")); }

  std::string read(const ConfigNode& node, std::string& field) const {
    if (!node.is_scalar()) return wrong_type(node, "text");
    if (!names.empty() && std::find(names.begin(), names.end(), node.scalar) == names.end()) {
      return unknown_name_message("value", node.scalar, names, "");
    }
    field = node.scalar;
    return "";
  }
  ConfigNode write(const std::string& field) const { return ConfigNode::make_scalar(field, {}, looks_typed(field)); }
};

template <class Item>
struct ListCodec {
  Item item;

  std::string type() const { return "list of " + item.plural(); }
  std::string allowed() const { return item.allowed(); }

  template <class T>
  std::string read(const ConfigNode& node, std::vector<T>& field) const {
    if (!node.is_sequence()) return wrong_type(node, "a " + type());
    std::vector<T> values(node.items.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const std::string mistake = item.read(node.items[i], values[i]);
      if (!mistake.empty()) return fmt::format("entry {}: {}", i + 1, mistake);
    }
    field = std::move(values);
    return "";
  }

  template <class T>
  ConfigNode write(const std::vector<T>& field) const {
    ConfigNode node = ConfigNode::make_sequence();
    for (const T& value : field) node.items.push_back(item.write(value));
    return node;
  }
};

template <class Item>
struct OptionalCodec {
  Item item;

  std::string type() const { return item.type() + " or null"; }
  std::string allowed() const { return item.allowed(); }

  template <class T>
  std::string read(const ConfigNode& node, std::optional<T>& field) const {
    if (node.is_null()) {
      field.reset();
      return "";
    }
    T value{};
    std::string mistake = item.read(node, value);
    if (mistake.empty()) field = value;
    return mistake;
  }

  template <class T>
  ConfigNode write(const std::optional<T>& field) const {
    return field ? item.write(*field) : ConfigNode();
  }
};

struct NumberMapCodec {
  std::string type() const { return "map of numbers"; }
  std::string allowed() const { return ""; }

  std::string read(const ConfigNode& node, std::map<std::string, double>& field) const {
    if (!node.is_map()) return wrong_type(node, "a map of numbers");
    std::map<std::string, double> values;
    for (const auto& [name, value] : node.entries) {
      const std::string mistake = NumericCodec<double>{}.read(value, values[name]);
      if (!mistake.empty()) return fmt::format("{}: {}", name, mistake);
    }
    field = std::move(values);
    return "";
  }

  ConfigNode write(const std::map<std::string, double>& field) const {
    ConfigNode node = ConfigNode::make_map();
    for (const auto& [name, value] : field) node.set(name, NumericCodec<double>{}.write(value));
    return node;
  }
};

struct RangeCodec {
  NumericCodec<double> number;

  std::string type() const { return "range"; }
  std::string allowed() const { return number.allowed(); }

  std::string read(const ConfigNode& node, std::array<double, 2>& field) const {
    if (!node.is_sequence()) return fmt::format("{} is not a range; write [min, max]", describe(node));
    if (node.items.size() != 2) return fmt::format("a list of {} is not a range; write [min, max]", node.items.size());
    std::array<double, 2> values{};
    for (size_t i = 0; i < 2; ++i) {
      const std::string mistake = number.read(node.items[i], values[i]);
      if (!mistake.empty()) return fmt::format("{}: {}", i == 0 ? "min" : "max", mistake);
    }
    if (values[0] > values[1])
      return fmt::format("[{}, {}] is not a range; min must be <= max", node.items[0].scalar, node.items[1].scalar);
    field = values;
    return "";
  }

  ConfigNode write(const std::array<double, 2>& field) const {
    ConfigNode node = ConfigNode::make_sequence();
    for (const double value : field) node.items.push_back(number.write(value));
    return node;
  }
};

std::string unknown_key_message(const std::string& key, const std::vector<std::string>& allowed) {
  if (allowed.empty()) return "unknown key; none is allowed here";
  const std::string nearest = nearest_name(key, allowed);
  if (nearest.empty()) return fmt::format("unknown key; allowed: {}", fmt::join(allowed, ", "));
  return fmt::format("unknown key; nearest: {}", in_quotes(nearest));
}

std::string one_line_yaml(const ConfigNode& node) {
  std::string text = to_yaml(node);
  text.pop_back();
  return text;
}

}  // namespace

void Problems::add(const Place& place, const std::string& key, const std::string& message) {
  std::string line;
  if (!place.file.empty()) line += place.to_string() + ": ";
  if (!key.empty()) line += key + ": ";
  lines_.push_back(line + message);
}

void Problems::throw_if_any() const {
  if (!lines_.empty()) throw_usage_error(fmt::format("{}", fmt::join(lines_, "\n")));
}

bool Bounds::contains(double value) const {
  const bool above = low_open ? value > low : value >= low;
  const bool below = high_open ? value < high : value <= high;
  return above && below;
}

std::string Bounds::to_string() const {
  const bool has_low = std::isfinite(low);
  const bool has_high = std::isfinite(high);
  if (has_low && has_high) return fmt::format("in {}{}, {}{}", low_open ? '(' : '[', low, high, high_open ? ')' : ']');
  if (has_low) return fmt::format("{} {}", low_open ? ">" : ">=", low);
  if (has_high) return fmt::format("{} {}", high_open ? "<" : "<=", high);
  return "";
}

Bounds at_least(double low) { return {.low = low}; }
Bounds greater_than(double low) { return {.low = low, .low_open = true}; }
Bounds between(double low, double high) { return {.low = low, .high = high}; }
Bounds from_up_to(double low, double high) { return {.low = low, .high = high, .high_open = true}; }

OptionTable& OptionTable::add_entry(Entry entry) {
  const auto same = [&](const Entry& other) { return other.name == entry.name; };
  LARMOR_ASSERT(std::none_of(entries_.begin(), entries_.end(), same));
  entries_.push_back(std::move(entry));
  return *this;
}

template <class Field, class Codec>
OptionTable& OptionTable::add_field(std::string name, Field& field, std::string help, Codec codec) {
  Entry entry;
  entry.doc = {name, codec.type(), one_line_yaml(codec.write(field)), codec.allowed(), std::move(help)};
  entry.name = std::move(name);
  entry.write = [&field, codec] { return codec.write(field); };
  entry.read = [&field, codec](const ConfigNode& node, Problems& problems, const std::string& key) {
    const std::string mistake = codec.read(node, field);
    if (!mistake.empty()) problems.add(node.place, key, mistake);
  };
  return add_entry(std::move(entry));
}

OptionTable& OptionTable::add(std::string name, double& field, std::string help, Bounds bounds) {
  return add_field(std::move(name), field, std::move(help), NumericCodec<double>{bounds});
}

OptionTable& OptionTable::add(std::string name, int64_t& field, std::string help, Bounds bounds) {
  return add_field(std::move(name), field, std::move(help), NumericCodec<int64_t>{bounds});
}

OptionTable& OptionTable::add(std::string name, bool& field, std::string help) {
  return add_field(std::move(name), field, std::move(help), BooleanCodec{});
}

OptionTable& OptionTable::add(std::string name, std::string& field, std::string help, std::vector<std::string> allowed) {
  return add_field(std::move(name), field, std::move(help), TextCodec{std::move(allowed)});
}

OptionTable& OptionTable::add(std::string name, std::vector<double>& field, std::string help, Bounds bounds) {
  return add_field(std::move(name), field, std::move(help), ListCodec<NumericCodec<double>>{{bounds}});
}

OptionTable& OptionTable::add(std::string name, std::vector<int64_t>& field, std::string help, Bounds bounds) {
  return add_field(std::move(name), field, std::move(help), ListCodec<NumericCodec<int64_t>>{{bounds}});
}

OptionTable& OptionTable::add(std::string name, std::vector<std::string>& field, std::string help, std::vector<std::string> allowed) {
  return add_field(std::move(name), field, std::move(help), ListCodec<TextCodec>{{std::move(allowed)}});
}

OptionTable& OptionTable::add(std::string name, std::optional<double>& field, std::string help, Bounds bounds) {
  return add_field(std::move(name), field, std::move(help), OptionalCodec<NumericCodec<double>>{{bounds}});
}

OptionTable& OptionTable::add(std::string name, std::optional<int64_t>& field, std::string help, Bounds bounds) {
  return add_field(std::move(name), field, std::move(help), OptionalCodec<NumericCodec<int64_t>>{{bounds}});
}

OptionTable& OptionTable::add(std::string name, std::map<std::string, double>& field, std::string help) {
  return add_field(std::move(name), field, std::move(help), NumberMapCodec{});
}

OptionTable& OptionTable::add_range(std::string name, std::array<double, 2>& field, std::string help, Bounds bounds) {
  return add_field(std::move(name), field, std::move(help), RangeCodec{{bounds}});
}

OptionTable& OptionTable::add_table(std::string name, OptionTable table, std::string help) {
  Entry entry;
  entry.doc = {name, "map", "", "", std::move(help)};
  entry.inner = table.docs(name + ".");
  entry.name = std::move(name);
  const auto shared = std::make_shared<OptionTable>(std::move(table));  // std::function copies what it holds
  entry.write = [shared] { return shared->write(); };
  entry.read = [shared](const ConfigNode& node, Problems& problems, const std::string& key) { shared->read(node, problems, key + "."); };
  return add_entry(std::move(entry));
}

OptionTable& OptionTable::add_node(std::string name, ConfigNode& field, std::string help) {
  Entry entry;
  entry.doc = {name, "map", field.is_null() ? "{}" : one_line_yaml(field), "", std::move(help)};
  entry.name = std::move(name);
  entry.write = [&field] { return field; };
  entry.read = [&field](const ConfigNode& node, Problems&, const std::string&) { field = node; };
  return add_entry(std::move(entry));
}

OptionTable& OptionTable::check(std::string key, std::function<std::string()> rule) {
  rules_.emplace_back(std::move(key), std::move(rule));
  return *this;
}

void OptionTable::read(const ConfigNode& node, Problems& problems, const std::string& prefix) {
  const size_t problems_before = problems.lines().size();
  const std::string own_key = prefix.empty() ? "" : prefix.substr(0, prefix.size() - 1);
  if (!node.is_null() && !node.is_map()) {
    problems.add(node.place, own_key, wrong_type(node, "a map of options"));
    return;
  }
  for (const auto& [key, value] : node.entries) {
    const auto has_key = [&name = key](const Entry& entry) { return entry.name == name; };
    const auto entry = std::find_if(entries_.begin(), entries_.end(), has_key);
    if (entry != entries_.end()) {
      entry->read(value, problems, prefix + key);
    } else {
      problems.add(value.place, printable(prefix + key), unknown_key_message(key, names()));
    }
  }
  if (problems.lines().size() != problems_before) return;
  for (const auto& [key, rule] : rules_) {
    const std::string mistake = rule();
    const ConfigNode* at = node.find(key);
    if (!mistake.empty()) problems.add((at != nullptr ? *at : node).place, key.empty() ? own_key : prefix + key, mistake);
  }
}

ConfigNode OptionTable::write() const {
  ConfigNode node = ConfigNode::make_map();
  for (const Entry& entry : entries_) node.set(entry.name, entry.write());
  return node;
}

std::vector<OptionDoc> OptionTable::docs(const std::string& prefix) const {
  std::vector<OptionDoc> all;
  for (const Entry& entry : entries_) {
    std::vector<OptionDoc> own = entry.inner.empty() ? std::vector<OptionDoc>{entry.doc} : entry.inner;
    for (OptionDoc& doc : own) {
      doc.name = prefix + doc.name;
      all.push_back(std::move(doc));
    }
  }
  return all;
}

std::vector<std::string> OptionTable::names() const {
  std::vector<std::string> all;
  for (const Entry& entry : entries_) all.push_back(entry.name);
  return all;
}

}  // namespace larmor
