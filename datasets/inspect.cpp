#include "datasets/inspect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/progress.h"
#include "core/thread_pool.h"
#include "datasets/lgg.h"
#include "datasets/prepare_sample.h"
#include "datasets/siberian.h"
#include "datasets/siberian_cache.h"
#include "imaging/draw.h"

namespace larmor::datasets {

namespace {

using imaging::Image;
using imaging::PixelType;

constexpr size_t kMostThreads = 16;
constexpr int64_t kTileSide = 256;

struct ChannelSums {
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  double sum = 0;
  double squares = 0;
};

/// What one decoded case tells.
struct CaseFacts {
  std::string problem;  ///< why it could not be decoded; "" when it could
  std::array<int64_t, 2> size{};
  int64_t foreground = 0;
  int64_t label_pixels = 0;
  std::vector<ChannelSums> channels;
  std::vector<std::vector<size_t>> equal_channels;  ///< groups of two and more
  bool is_constant = false;
  std::string digest;
};

double value_at(const Image& image, int64_t element) {
  return image.type == PixelType::u8 ? image.data<uint8_t>()[element] : static_cast<double>(image.data<float>()[element]);
}

ChannelSums sums_of(const Image& image, int64_t channel) {
  ChannelSums sums;
  for (int64_t i = 0; i < image.voxels(); ++i) {
    const double value = value_at(image, i * image.channels + channel);
    sums.min = std::min(sums.min, value);
    sums.max = std::max(sums.max, value);
    sums.sum += value;
    sums.squares += value * value;
  }
  return sums;
}

bool are_equal(const Image& image, int64_t a, int64_t b) {
  for (int64_t i = 0; i < image.voxels(); ++i) {
    if (value_at(image, i * image.channels + a) != value_at(image, i * image.channels + b)) return false;
  }
  return true;
}

std::vector<std::vector<size_t>> equal_channels(const Image& image) {
  std::vector<std::vector<size_t>> groups;
  for (size_t channel = 0; channel < static_cast<size_t>(image.channels); ++channel) {
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const std::vector<size_t>& group) {
      return are_equal(image, static_cast<int64_t>(group.front()), static_cast<int64_t>(channel));
    });
    if (same == groups.end()) {
      groups.push_back({channel});
    } else {
      same->push_back(channel);
    }
  }
  std::erase_if(groups, [](const std::vector<size_t>& group) { return group.size() < 2; });
  return groups;
}

CaseFacts facts_of(const Source& source, int64_t index) {
  CaseFacts facts;
  RawSample sample;
  try {
    sample = source.load(index);
  } catch (const Error& error) {
    facts.problem = error.what();
    return facts;
  }
  const Image& image = sample.image;
  facts.size = {image.width(), image.height()};
  for (int64_t c = 0; c < image.channels; ++c) facts.channels.push_back(sums_of(image, c));
  facts.is_constant =
      std::all_of(facts.channels.begin(), facts.channels.end(), [](const ChannelSums& sums) { return sums.min == sums.max; });
  if (!facts.is_constant) {
    facts.equal_channels = equal_channels(image);
    facts.digest = fmt::format("{}x{} {}", image.width(), image.height(), sha256(image.bytes));
  }
  const uint8_t* label = sample.label.data<uint8_t>();
  facts.label_pixels = sample.label.voxels();
  facts.foreground = facts.label_pixels - std::count(label, label + facts.label_pixels, uint8_t{0});
  return facts;
}

std::vector<CaseFacts> all_facts(const Source& source, int64_t threads) {
  const size_t wanted =
      threads > 0 ? static_cast<size_t>(threads) : std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMostThreads);
  std::vector<CaseFacts> facts(source.cases().size());
  ThreadPool pool(wanted);
  pool.for_each(facts.size(), [&](size_t i) { facts[i] = facts_of(source, static_cast<int64_t>(i)); });
  return facts;
}

std::string case_name(const Source& source, int64_t index) { return source.cases()[static_cast<size_t>(index)].key.to_string(); }

/// Unreadable and constant images, and images that come twice.
void find_bad_images(const Source& source, const std::vector<CaseFacts>& facts, std::vector<Finding>& findings) {
  std::map<std::string, std::string> seen;
  for (size_t i = 0; i < facts.size(); ++i) {
    const std::string name = case_name(source, static_cast<int64_t>(i));
    if (!facts[i].problem.empty()) {
      findings.push_back({name, facts[i].problem});
    } else if (facts[i].is_constant) {
      findings.push_back({name, "every channel has one value only"});
    } else {
      const auto [first, is_new] = seen.emplace(facts[i].digest, name);
      if (!is_new) findings.push_back({name, "is the same image as " + first->second});
    }
  }
}

/// One line per subject and group of equal channels: a missing sequence is often replaced by another.
void find_equal_channels(const Source& source, const std::vector<CaseFacts>& facts, std::vector<Finding>& findings) {
  const std::vector<std::string> names = source.channel_names();
  for (const Study& study : source.studies()) {
    std::map<std::vector<size_t>, int64_t> counts;
    int64_t total = 0;
    for (const int64_t index : study.cases) {
      const CaseFacts& one = facts[static_cast<size_t>(index)];
      if (!one.problem.empty() || one.is_constant) continue;
      ++total;
      for (const auto& group : one.equal_channels) ++counts[group];
    }
    for (const auto& [group, count] : counts) {
      std::vector<std::string> members;
      for (const size_t channel : group) members.push_back(names[channel]);
      findings.push_back({study.subject, fmt::format("{} in {} of {} slices", fmt::join(members, " = "), count, total)});
    }
  }
}

SubjectSummary summary_of(const Study& study, const std::vector<CaseFacts>& facts) {
  SubjectSummary summary{.subject = study.subject, .cases = static_cast<int64_t>(study.cases.size())};
  for (const int64_t index : study.cases) {
    const CaseFacts& one = facts[static_cast<size_t>(index)];
    summary.positive += one.foreground > 0;
    summary.pixels += one.label_pixels;
    summary.foreground += one.foreground;
    summary.largest = std::max(summary.largest, one.foreground);
  }
  return summary;
}

std::vector<ChannelRange> channel_ranges(const Source& source, const std::vector<CaseFacts>& facts) {
  std::vector<ChannelRange> ranges;
  for (size_t c = 0; c < source.channel_names().size(); ++c) {
    ChannelSums all;
    double count = 0;
    for (const CaseFacts& one : facts) {
      if (!one.problem.empty()) continue;
      all.min = std::min(all.min, one.channels[c].min);
      all.max = std::max(all.max, one.channels[c].max);
      all.sum += one.channels[c].sum;
      all.squares += one.channels[c].squares;
      count += static_cast<double>(one.size[0] * one.size[1]);
    }
    ChannelRange range{.name = source.channel_names()[c]};
    if (count > 0) {
      const double mean = all.sum / count;
      range = {range.name, all.min, all.max, mean, std::sqrt(std::max(0.0, all.squares / count - mean * mean))};
    }
    ranges.push_back(range);
  }
  return ranges;
}

double share(int64_t part, int64_t whole) { return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0; }

/// The case that shows most of the label, else the one in the middle.
int64_t telling_case(const Source& source, const Study& study) {
  const auto foreground = [&](int64_t index) { return source.cases()[static_cast<size_t>(index)].foreground; };
  const auto fullest =
      std::max_element(study.cases.begin(), study.cases.end(), [&](int64_t a, int64_t b) { return foreground(a) < foreground(b); });
  return foreground(*fullest) > 0 ? *fullest : study.cases[study.cases.size() / 2];
}

/// Nothing when the case cannot be decoded: the sheet shows what there is.
std::optional<Image> tile_of(const Source& source, int64_t index) {
  RawSample sample;
  try {
    sample = source.load(index);
  } catch (const Error&) {
    return std::nullopt;
  }
  Image tile = imaging::to_rgb(to_network_size(sample.image, kTileSide));
  if (sample.label.voxels() > 0) imaging::draw_contour(tile, label_to_network_size(sample.label, kTileSide), imaging::kTruthColour);
  return tile;
}

}  // namespace

std::unique_ptr<Source> open_for_inspection(const std::filesystem::path& folder) {
  if (!is_folder(folder)) throw_data_error(folder.string() + ": no such folder");
  if (is_siberian_cache(folder)) {
    SiberianOptions siberian;
    siberian.root = folder.string();
    siberian.on_bad_file = "skip";
    siberian.composition.channels = read_siberian_index(folder).sequences;
    return make_siberian(siberian);
  }
  LggOptions options;
  options.root = folder.string();
  options.on_missing_mask = "skip";
  options.on_bad_file = "skip";
  return make_lgg(options);
}

Inspection inspect(const Source& source, int64_t threads) {
  const std::vector<CaseFacts> facts = all_facts(source, threads);
  Inspection inspection;
  inspection.source = source.name();
  inspection.fingerprint = source.fingerprint();
  inspection.is_phantom = source.is_phantom();
  inspection.cases = static_cast<int64_t>(facts.size());
  for (const CaseFacts& one : facts) {
    if (one.problem.empty()) ++inspection.sizes[fmt::format("{} x {}", one.size[0], one.size[1])];
  }
  for (const Study& study : source.studies()) {
    const SubjectSummary summary = summary_of(study, facts);
    inspection.positive += summary.positive;
    inspection.pixels += summary.pixels;
    inspection.foreground += summary.foreground;
    inspection.subjects.push_back(summary);
  }
  inspection.channels = channel_ranges(source, facts);
  inspection.findings = source.findings();
  find_bad_images(source, facts, inspection.findings);
  find_equal_channels(source, facts, inspection.findings);
  std::stable_sort(inspection.findings.begin(), inspection.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.file < b.file; });
  return inspection;
}

nlohmann::json to_json(const Inspection& inspection) {
  nlohmann::json channels = nlohmann::json::array(), subjects = nlohmann::json::array(), findings = nlohmann::json::array();
  for (const ChannelRange& range : inspection.channels) {
    channels.push_back({{"name", range.name}, {"min", range.min}, {"max", range.max}, {"mean", range.mean}, {"sd", range.sd}});
  }
  for (const SubjectSummary& subject : inspection.subjects) {
    subjects.push_back({{"subject", subject.subject},
                        {"cases", subject.cases},
                        {"positive", subject.positive},
                        {"foreground_share", share(subject.foreground, subject.pixels)},
                        {"largest_foreground_px", subject.largest}});
  }
  for (const Finding& finding : inspection.findings) findings.push_back({{"file", finding.file}, {"message", finding.message}});
  return {{"source", inspection.source},
          {"fingerprint", inspection.fingerprint},
          {"phantom", inspection.is_phantom},
          {"cases", inspection.cases},
          {"positive", inspection.positive},
          {"foreground_share", share(inspection.foreground, inspection.pixels)},
          {"sizes", inspection.sizes},
          {"channels", channels},
          {"subjects", subjects},
          {"findings", findings}};
}

std::string to_text(const Inspection& inspection, int64_t findings) {
  std::string text =
      fmt::format("{} · {}, {}, {} with foreground ({:.1f} %){}\n", inspection.source,
                  counted(static_cast<int64_t>(inspection.subjects.size()), "subject"), counted(inspection.cases, "slice"),
                  inspection.positive, 100 * share(inspection.positive, inspection.cases), inspection.is_phantom ? " · phantom" : "");
  std::vector<std::string> sizes;
  for (const auto& [size, count] : inspection.sizes) sizes.push_back(fmt::format("{} ({})", size, count));
  text += fmt::format("sizes        {}\n", fmt::join(sizes, ", "));
  text += fmt::format("foreground   {:.2f} % of all pixels\n\n", 100 * share(inspection.foreground, inspection.pixels));
  text += fmt::format("{:<12} {:>8} {:>8} {:>8} {:>8}\n", "channel", "min", "max", "mean", "SD");
  for (const ChannelRange& range : inspection.channels) {
    text += fmt::format("{:<12} {:>8.4g} {:>8.4g} {:>8.4g} {:>8.4g}\n", range.name, range.min, range.max, range.mean, range.sd);
  }
  text += fmt::format("\n{:<28} {:>6} {:>8} {:>12} {:>11}\n", "subject", "slices", "positive", "foreground %", "largest px");
  for (const SubjectSummary& subject : inspection.subjects) {
    text += fmt::format("{:<28} {:>6} {:>8} {:>12.2f} {:>11}\n", subject.subject, subject.cases, subject.positive,
                        100 * share(subject.foreground, subject.pixels), subject.largest);
  }
  text += inspection.findings.empty() ? "\nnothing suspicious\n" : fmt::format("\nsuspicious: {}\n", inspection.findings.size());
  const size_t shown = findings > 0 ? std::min(inspection.findings.size(), static_cast<size_t>(findings)) : inspection.findings.size();
  for (size_t i = 0; i < shown; ++i) text += fmt::format("  {}: {}\n", inspection.findings[i].file, inspection.findings[i].message);
  if (shown < inspection.findings.size()) text += fmt::format("  … and {} more\n", inspection.findings.size() - shown);
  return text;
}

Image contact_sheet(const Source& source, int64_t columns, int64_t tiles) {
  LARMOR_ASSERT(columns >= 1 && tiles >= 1);
  std::vector<Image> images;
  std::vector<std::string> captions;
  const auto subjects = static_cast<int64_t>(source.studies().size());
  const int64_t count = std::min(subjects, tiles);
  for (int64_t i = 0; i < count; ++i) {
    const Study& study = source.studies()[static_cast<size_t>(i * subjects / count)];
    const int64_t index = telling_case(source, study);
    std::optional<Image> tile = tile_of(source, index);
    if (!tile) continue;
    images.push_back(std::move(*tile));
    captions.push_back(case_name(source, index));
  }
  if (images.empty()) throw_data_error("no case can be decoded for the contact sheet");
  return imaging::contact_sheet(images, captions, columns);
}

}  // namespace larmor::datasets
