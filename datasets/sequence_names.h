// Which MR sequence a file or a DICOM series shows, from how people and scanners name it.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imaging/dicom.h"

namespace larmor::datasets {

/// What a file's name says: "S01_T1-CE" is T1CE of S01.
struct SequenceName {
  std::string sequence;  ///< T1, T1CE, T2, FLAIR, or label
  std::string prefix;    ///< what stands in front, as written: the subject's name in many sets
};

/// From a name without its extension; upper and lower case and separators do not count. T1CE is also t1c, t1gd, t1post, T1w with "ce" in
/// front (BIDS); FLAIR also t2f, tirm, dark-fluid; a label also seg, mask, tumour. Nothing for other names.
std::optional<SequenceName> sequence_of_name(std::string_view stem);

/// "3 't2_tse_SAG'": number and description.
std::string series_name(const imaging::DicomSeries& series);

/// A DICOM folder's series by sequence.
struct ProtocolMatch {
  std::map<std::string, size_t> sequences;      ///< sequence → index into the series
  std::map<std::string, std::string> problems;  ///< sequence → "2 series could be FLAIR: 4 'a', 6 'b'"
  std::vector<std::string> unused;              ///< "3 't2_tse_SAG'"
};

/// Sorts by description and protocol name, else by TR, TE and TI; scouts, diffusion, susceptibility and other planes are left aside.
/// T1 and T1CE may be named alike: they are told apart by the contrast agent, else by time (the later one is T1CE).
ProtocolMatch match_protocol(const std::vector<imaging::DicomSeries>& series);

}  // namespace larmor::datasets
