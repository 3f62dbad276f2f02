#include "datasets/sequence_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <tuple>

#include "core/error.h"

namespace larmor::datasets {

namespace {

using imaging::DicomSeries;

const std::map<std::string, std::vector<std::string>>& vocabulary() {
  static const std::map<std::string, std::vector<std::string>> words{
      {"T1", {"t1", "t1w", "t1n", "t1pre", "t1native"}},
      {"T1CE", {"t1ce", "t1c", "t1gd", "t1post", "t1contrast", "t1wce", "t1km"}},
      {"T2", {"t2", "t2w", "t2tse"}},
      {"FLAIR", {"flair", "t2f", "t2flair", "tirm", "darkfluid"}},
      {"label", {"label", "labels", "mask", "seg", "segmentation", "tumour", "tumor", "truth"}},
  };
  return words;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string sequence_of_word(const std::string& word) {
  for (const auto& [sequence, words] : vocabulary()) {
    if (std::find(words.begin(), words.end(), word) != words.end()) return sequence;
  }
  return "";
}

bool is_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

/// Runs of letters and digits, with where each begins.
std::vector<std::pair<size_t, std::string>> words_of(std::string_view text) {
  std::vector<std::pair<size_t, std::string>> words;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!is_letter(text[i])) continue;
    if (i == 0 || !is_letter(text[i - 1])) words.emplace_back(i, "");
    words.back().second += lower(text.substr(i, 1));
  }
  return words;
}

bool holds_any(const std::string& text, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return text.find(word) != std::string::npos; });
}

/// "T1" for both T1 and T1CE; "" for what is none of the sequences.
std::string kind_of(const DicomSeries& series) {
  const std::string text = lower(series.description + " " + series.protocol);
  if (holds_any(text, {"scout", "localizer", "localiser", "survey", "diff", "dwi", "adc", "trace", "swi", "swan", "_sag", "_cor", " sag",
                       " cor", "perf", "angio", "tof"})) {
    return "";
  }
  if (holds_any(text, {"flair", "tirm", "dark-fluid", "dark_fluid", "darkfluid"})) return "FLAIR";
  if (holds_any(text, {"t1", "vibe", "mprage", "mp-rage", "bravo"})) return "T1";
  if (holds_any(text, {"t2"})) return "T2";
  if (series.inversion_time_ms.value_or(0) >= 1500 && series.echo_time_ms.value_or(0) >= 60) return "FLAIR";
  if (!series.repetition_time_ms || !series.echo_time_ms) return "";
  if (*series.repetition_time_ms >= 2000 && *series.echo_time_ms >= 60) return "T2";
  return *series.repetition_time_ms <= 1000 && *series.echo_time_ms <= 30 ? "T1" : "";
}

auto time_of(const DicomSeries& series) { return std::tie(series.study_date, series.acquisition_time, series.number); }

/// Puts the one candidate in its place, or tells that there are several.
void place(ProtocolMatch& match, const std::vector<DicomSeries>& series, const std::string& sequence,
           const std::vector<size_t>& candidates) {
  if (candidates.size() == 1) match.sequences[sequence] = candidates.front();
  if (candidates.size() < 2) return;
  std::vector<std::string> names;
  names.reserve(candidates.size());
  for (const size_t i : candidates) names.push_back(series_name(series[i]));
  match.problems[sequence] = fmt::format("{} series could be {}: {}", candidates.size(), sequence, fmt::join(names, ", "));
}

void place_t1(ProtocolMatch& match, const std::vector<DicomSeries>& series, const std::vector<size_t>& candidates) {
  std::vector<size_t> plain, enhanced;
  for (const size_t i : candidates) (series[i].contrast_agent.empty() ? plain : enhanced).push_back(i);
  // The agent is not always written down; then two series are the one before and the one after.
  if (candidates.size() == 2 && (plain.empty() || enhanced.empty())) {
    const bool in_order = time_of(series[candidates[0]]) < time_of(series[candidates[1]]);
    match.sequences["T1"] = candidates[in_order ? 0 : 1];
    match.sequences["T1CE"] = candidates[in_order ? 1 : 0];
    return;
  }
  place(match, series, "T1", plain);
  place(match, series, "T1CE", enhanced);
}

}  // namespace

std::optional<SequenceName> sequence_of_name(std::string_view stem) {
  const auto words = words_of(stem);
  if (words.empty()) return std::nullopt;
  const size_t last = words.size() - 1;
  SequenceName found;
  size_t first = last;
  if (last > 0) {
    found.sequence = sequence_of_word(words[last - 1].second + words[last].second);
    if (!found.sequence.empty()) first = last - 1;
  }
  if (found.sequence.empty()) found.sequence = sequence_of_word(words[last].second);
  if (found.sequence.empty()) return std::nullopt;
  if (found.sequence == "label" && first > 0 && words[first - 1].second == "brain") return std::nullopt;  // where the brain is
  const bool says_contrast =
      std::any_of(words.begin(), words.begin() + static_cast<int64_t>(first), [](const auto& word) { return word.second == "ce"; });
  if (found.sequence == "T1" && says_contrast) found.sequence = "T1CE";
  found.prefix = stem.substr(0, words[first].first);
  while (!found.prefix.empty() && !is_letter(found.prefix.back())) found.prefix.pop_back();
  return found;
}

std::string series_name(const DicomSeries& series) { return fmt::format("{} {}", series.number, in_quotes(series.description)); }

ProtocolMatch match_protocol(const std::vector<DicomSeries>& series) {
  ProtocolMatch match;
  std::map<std::string, std::vector<size_t>> candidates;
  for (size_t i = 0; i < series.size(); ++i) {
    const std::string kind = kind_of(series[i]);
    if (kind.empty()) {
      match.unused.push_back(series_name(series[i]));
    } else {
      candidates[kind].push_back(i);
    }
  }
  place(match, series, "T2", candidates["T2"]);
  place(match, series, "FLAIR", candidates["FLAIR"]);
  place_t1(match, series, candidates["T1"]);
  return match;
}

}  // namespace larmor::datasets
