// What is in a data folder, before anything is trained on it: counts, value ranges, class balance, suspicious files.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "datasets/source.h"
#include "imaging/image.h"

namespace larmor::datasets {

/// Values of one channel over all cases.
struct ChannelRange {
  std::string name;
  double min = 0;
  double max = 0;
  double mean = 0;
  double sd = 0;  ///< of the population
};

struct SubjectSummary {
  std::string subject;
  int64_t cases = 0;
  int64_t positive = 0;    ///< with foreground
  int64_t pixels = 0;      ///< of its labels
  int64_t foreground = 0;  ///< of these pixels
  int64_t largest = 0;     ///< foreground pixels of its fullest case
};

struct Inspection {
  std::string source;
  std::string fingerprint;
  bool is_phantom = false;
  int64_t cases = 0;
  int64_t positive = 0;
  int64_t pixels = 0;
  int64_t foreground = 0;
  std::map<std::string, int64_t> sizes;  ///< "256 x 256" → cases
  std::vector<ChannelRange> channels;
  std::vector<SubjectSummary> subjects;  ///< sorted by name
  std::vector<Finding> findings;         ///< the source's own, then what the pixels tell, sorted by file
};

/// Opens a folder so that bad files become findings instead of errors. The layout is recognised: lgg, siberian (what
/// `larmor prepare siberian` wrote, with every sequence as a channel). Error (data) when it is none.
std::unique_ptr<Source> open_for_inspection(const std::filesystem::path& folder);

/// Decodes every case on `threads` threads (0: one per processor). Findings from pixels: files that cannot be read, constant images,
/// equal channels (a sequence that stands for another), equal images under two names, mask values other than 0 and 255.
Inspection inspect(const Source& source, int64_t threads = 0);

nlohmann::json to_json(const Inspection& inspection);
/// Tables for a terminal, ending with a newline; at most `findings` findings are printed (0: all), the rest is counted.
std::string to_text(const Inspection& inspection, int64_t findings = 20);

/// One case of each subject (that with most foreground, else the middle one) with the label's outline; at most `tiles`, evenly chosen.
imaging::Image contact_sheet(const Source& source, int64_t columns = 6, int64_t tiles = 36);

}  // namespace larmor::datasets
