// Weighted sums of losses: the grammar is  sum := term ('+' term)*,  term := [number '*'] name.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "losses/registry.h"

namespace larmor::losses {

namespace {

struct Term {
  double weight = 1;
  std::string name;
  size_t column = 1;  ///< of the name, from 1
};

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  std::vector<Term> parse() {
    std::vector<Term> terms{parse_term()};
    for (skip_spaces(); position_ < text_.size(); skip_spaces()) {
      if (text_[position_] != '+') fail("expected '+' or the end");
      ++position_;
      terms.push_back(parse_term());
    }
    return terms;
  }

 private:
  void skip_spaces() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\t')) ++position_;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw_usage_error(fmt::format("{}, column {}: {}; a sum looks like '0.5*bce + 0.5*dice'", in_quotes(text_), position_ + 1, what));
  }

  Term parse_term() {
    Term term;
    skip_spaces();
    if (position_ < text_.size() && (is_digit(text_[position_]) || text_[position_] == '.')) {
      term.weight = parse_weight();
      skip_spaces();
      if (position_ == text_.size() || text_[position_] != '*') fail("expected '*' after the weight");
      ++position_;
      skip_spaces();
    }
    if (position_ == text_.size() || !is_name_start(text_[position_])) fail("expected the name of a loss");
    term.column = position_ + 1;
    const size_t start = position_;
    while (position_ < text_.size() && (is_name_start(text_[position_]) || is_digit(text_[position_]))) ++position_;
    term.name = text_.substr(start, position_ - start);
    return term;
  }

  double parse_weight() {
    double weight = 0;
    const char* first = text_.data() + position_;
    const auto [last, error] = std::from_chars(first, text_.data() + text_.size(), weight);
    if (error != std::errc() || !std::isfinite(weight) || weight <= 0) fail("expected a weight > 0");
    position_ += static_cast<size_t>(last - first);
    return weight;
  }

  const std::string& text_;
  size_t position_ = 0;
};

class WeightedSum final : public Loss {
 public:
  explicit WeightedSum(std::vector<std::pair<double, std::unique_ptr<Loss>>> terms) : terms_(std::move(terms)) {}

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& target) const override {
    at::Tensor sum;
    for (const auto& [weight, loss] : terms_) {
      const at::Tensor value = (*loss)(logits, target);
      const at::Tensor part = weight == 1 ? value : weight * value;
      sum = sum.defined() ? sum + part : part;
    }
    return sum;
  }

 private:
  std::vector<std::pair<double, std::unique_ptr<Loss>>> terms_;
};

bool holds(const std::vector<Term>& terms, const std::string& name) {
  return std::any_of(terms.begin(), terms.end(), [&](const Term& term) { return term.name == name; });
}

/// The options of one loss, or null.
ConfigNode options_for(const ConfigNode& options, const std::string& name) {
  const ConfigNode* found = options.find(name);
  return found == nullptr ? ConfigNode{} : *found;
}

void check_names(const std::string& expression, const std::vector<Term>& terms, const Place& place, Problems& problems) {
  std::vector<std::string> seen;
  for (const Term& term : terms) {
    const std::string where = fmt::format("{}, column {}: ", in_quotes(expression), term.column);
    if (registry().find(term.name) == nullptr) problems.add(place, "loss", where + registry().unknown_message(term.name));
    if (std::find(seen.begin(), seen.end(), term.name) != seen.end()) {
      problems.add(place, "loss", where + fmt::format("'{}' stands twice; join the weights", term.name));
    }
    seen.push_back(term.name);
  }
}

/// Adds what is wrong to `problems`; returns the options of every known loss of the sum, defaults written out.
ConfigNode check_options(const std::vector<Term>& terms, const ConfigNode& options, Problems& problems) {
  ConfigNode resolved = ConfigNode::make_map(options.place);
  if (!options.is_null() && !options.is_map()) {
    problems.add(options.place, "loss_options", "not a map; write {name of a loss: {option: value}}");
    return resolved;
  }
  std::vector<std::string> used;
  for (const Term& term : terms) {
    used.push_back(term.name);
    if (const auto* component = registry().find(term.name)) {
      resolved.set(term.name, component->resolve(options_for(options, term.name), problems, "loss_options." + term.name + "."));
    }
  }
  for (const auto& [name, node] : options.entries) {
    if (holds(terms, name)) continue;
    problems.add(node.place, "loss_options." + name, fmt::format("not a part of the loss; its parts: {}", fmt::join(used, ", ")));
  }
  return resolved;
}

}  // namespace

ConfigNode check_loss(const std::string& expression, const ConfigNode& options, const Place& place, Problems& problems) {
  try {
    const std::vector<Term> terms = Parser(expression).parse();
    check_names(expression, terms, place, problems);
    return check_options(terms, options, problems);
  } catch (const Error& error) {
    problems.add(place, "loss", error.what());
    return options;
  }
}

std::unique_ptr<Loss> make_loss(const std::string& expression, const ConfigNode& options) {
  Problems problems;
  check_loss(expression, options, {}, problems);
  problems.throw_if_any();
  std::vector<std::pair<double, std::unique_ptr<Loss>>> parts;
  for (const Term& term : Parser(expression).parse()) {
    parts.emplace_back(term.weight, registry().at(term.name).make(options_for(options, term.name)));
  }
  if (parts.size() == 1 && parts.front().first == 1) return std::move(parts.front().second);
  return std::make_unique<WeightedSum>(std::move(parts));
}

}  // namespace larmor::losses
