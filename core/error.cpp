#include "core/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "core/utf8.h"

namespace larmor {

namespace {

constexpr size_t kLongestName = 256;  // longer names are hostile or a mistake: no nearest name is looked for
constexpr size_t kLongestQuote = 120;
constexpr size_t kMostListed = 12;  // names in a message that also says where all are listed

/// Letters to insert, delete, replace, or neighbours to exchange (Damerau; no part is edited twice).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(above, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      const bool is_exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_exchanged) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

/// Fewer than half of the letters differ, or just half of them after the same beginning ("valid" for "validation").
bool is_near(std::string_view name, std::string_view candidate, size_t distance) {
  const size_t longer = std::max(name.size(), candidate.size());
  if (2 * distance != longer) return 2 * distance < longer;
  return !name.empty() && !candidate.empty() && name.front() == candidate.front();
}

}  // namespace

Error Error::with_context(std::string_view context) const { return Error(kind_, fmt::format("{}: {}", context, what())); }

void throw_run_error(const std::string& message) { throw Error(ErrorKind::run, message); }
void throw_usage_error(const std::string& message) { throw Error(ErrorKind::usage, message); }
void throw_data_error(const std::string& message) { throw Error(ErrorKind::data, message); }

std::string printable(std::string_view text) {
  std::string result;
  for (size_t at = 0; at < std::min(text.size(), kLongestQuote);) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const size_t length = utf8_length(text.substr(at));
    if (byte < 0x20 || byte == 0x7F || length == 0) {
      result += fmt::format("\\x{:02x}", byte);
      ++at;
    } else {
      result += text.substr(at, length);
      at += length;
    }
  }
  return text.size() > kLongestQuote ? result + "…" : result;
}

std::string in_quotes(std::string_view text) { return "'" + printable(text) + "'"; }

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  std::string nearest;
  size_t least = kLongestName + 1;
  if (name.size() > kLongestName) return nearest;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongestName) continue;
    const size_t distance = edit_distance(name, candidate);
    if (is_near(name, candidate, distance) && distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string unknown_name_message(std::string_view what, std::string_view name, const std::vector<std::string>& candidates,
                                 std::string_view hint) {
  std::string message = fmt::format("unknown {} {}", what, in_quotes(name));
  const std::string nearest = nearest_name(name, candidates);
  if (!nearest.empty()) {
    message += fmt::format("; nearest: {}", in_quotes(nearest));
  } else if (!candidates.empty() && (hint.empty() || candidates.size() <= kMostListed)) {
    message += fmt::format("; allowed: {}", fmt::join(candidates, ", "));
  }
  if (!hint.empty()) message += fmt::format(" ({})", hint);
  return message;
}

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
  std::abort();
}

}  // namespace larmor
