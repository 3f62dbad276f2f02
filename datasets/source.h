// A source lists the cases of a data folder and decodes one at a time, from any thread.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "datasets/sample.h"

namespace larmor::datasets {

/// One subject as found on disk.
struct Study {
  std::string subject;
  std::vector<int64_t> cases;                   ///< indices into Source::cases(), in slice order
  std::map<std::string, std::string> metadata;  ///< columns of the data table, free
};

/// A suspicious thing that does not stop the work; `inspect` prints it.
struct Finding {
  std::string file;  ///< relative to the root
  std::string message;
};

class Source {
 public:
  virtual ~Source() = default;
  virtual std::string name() const = 0;                    ///< "lgg"
  virtual const std::vector<CaseInfo>& cases() const = 0;  ///< sorted by subject, then slice number
  virtual const std::vector<Study>& studies() const = 0;   ///< sorted by subject
  virtual int64_t channels() const = 0;
  virtual std::vector<std::string> channel_names() const = 0;  ///< "T1", "FLAIR", "T1CE"
  /// Decodes one case; thread-safe. Error (data) names the file.
  virtual RawSample load(int64_t index) const = 0;
  virtual const std::vector<Finding>& findings() const = 0;
  /// True for phantom data: every table made from it says so.
  virtual bool is_phantom() const = 0;
  /// SHA-256 over names and sizes of all files, for the report.
  virtual std::string fingerprint() const = 0;
  /// How its volumes were made ready, as JSON text, so that others can be made ready alike; "" where slices are taken as they are.
  virtual std::string preparation() const { return ""; }
};

}  // namespace larmor::datasets
