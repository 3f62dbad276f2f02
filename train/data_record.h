// Which data a network was trained on: kept in its checkpoints, so that no one resumes on other data or is scored on patients that the
// network has seen.
#pragma once
#include <string>
#include <vector>

namespace larmor::train {

struct Dataset;

struct DataRecord {
  std::string source;       ///< "lgg"; "" in files that hold no record
  std::string fingerprint;  ///< Source::fingerprint(): names and sizes of all files, wherever they lie
  bool leaks = false;
  std::vector<std::string> train, validation, test, hold_out;  ///< subjects of each side
  /// JSON text of Source::preparation(), by which predict makes other volumes ready alike; "" where there was none to tell.
  std::string preparation;
  bool is_known() const { return !source.empty(); }
  /// The fingerprint covers the preparation, which older records lack; so it does not count.
  bool operator==(const DataRecord& other) const;
};

DataRecord record_of(const Dataset& dataset);
std::string to_json(const DataRecord& record);
/// Error (data) naming `file` when the text is no record; an empty text is an unknown one.
DataRecord data_record_from_json(const std::string& text, const std::string& file);

/// The first thing in which two records differ, for a message: "subject P7 was on the validation side and is on the train side now";
/// "" when they are equal.
std::string difference(const DataRecord& before, const DataRecord& now);

/// As much of a fingerprint as messages show.
std::string short_fingerprint(const std::string& fingerprint);

}  // namespace larmor::train
