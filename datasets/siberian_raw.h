// Volumes of brain tumours as people have them: who is there, which file is which sequence, and what is wrong, before anything is read.
//
//   ROOT/<subject>/…T1.nii.gz, …T1CE.nii.gz, …FLAIR.nii.gz, …T2.nii.gz, …label.nii.gz   (NIfTI or NRRD; names: datasets/sequence_names.h)
//   ROOT/<subject>/<any folders>/*.dcm                                                    series sorted by the protocol, label as above
//   ROOT/dataset.json, imagesTr/<case>_0000.nii.gz, labelsTr/<case>.nii.gz                nnU-Net raw layout (for prediction imagesTs too)
//   ROOT/subjects.csv or participants.tsv                                                 tumour_type and any other columns per subject
//   ROOT/PHANTOM.txt                                                                      only in synthetic sets
//
// nnU-Net cases named like SBT-MET-B000730-20180517 are sessions (the date) of one subject, so that a subject never stands on two sides.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "datasets/source.h"
#include "imaging/dicom.h"
#include "imaging/io.h"

namespace larmor::datasets {

/// A volume on disk.
struct RawVolume {
  std::string file;                            ///< relative to the root; of a series its folder
  std::vector<std::filesystem::path> paths;    ///< the files it is made of
  std::optional<imaging::DicomSeries> series;  ///< nothing: a NIfTI or NRRD file
};

/// One session of one subject.
struct RawSubject {
  std::string subject;
  std::string session;  ///< "" where a subject has one
  std::map<std::string, RawVolume> sequences;
  RawVolume label;                              ///< without paths where there is none
  std::vector<std::string> unused_series;       ///< of DICOM folders: "3 't2_tse_SAG'"
  std::vector<std::string> identity_tags;       ///< names of DICOM elements that may identify a person, of all series
  std::map<std::string, std::string> metadata;  ///< the table's columns
  std::string name() const { return session.empty() ? subject : subject + "_" + session; }
};

/// What a set is looked at for.
enum class RawUse {
  training,    ///< every subject needs its sequences and a label
  prediction,  ///< and no label; the root may be one subject's own folder, then the set is the folder above and it its only subject
  inspection   ///< nothing: faults become findings, every sequence is kept; the root as for prediction
};

struct RawOptions {
  RawUse use = RawUse::training;
  std::string root;
  std::vector<std::string> sequences{"T1", "T1CE", "FLAIR"};  ///< needed of every subject; others are left aside
  std::vector<std::string> exclude;                           ///< subjects to leave out
  std::map<std::string, int64_t> labels;                      ///< value of each class; empty: the set's own
};

struct RawSet {
  std::filesystem::path root;
  std::vector<RawSubject> subjects;       ///< sorted by name
  std::map<std::string, int64_t> labels;  ///< name → value: the options', else dataset.json's, else edema 1 … necrotic 4
  std::vector<Finding> findings;
  bool is_phantom = false;
};

/// Error (data), one line with the first of all faults and the count of others: no such folder, no subject, a missing sequence or label,
/// two files of one sequence, sequences of different subjects in one folder, series that cannot be told apart.
RawSet find_siberian(const RawOptions& options);

/// True for a NIfTI or NRRD file that is named by sequence or as a label.
bool is_sequence_file(const std::filesystem::path& file);

/// Reads a volume with one channel and a voxel size. Error (data) begins with the file.
imaging::Image read_raw(const RawVolume& volume);

/// Error (data) "FILE: value 7 at voxel 3, 4, 5 is unknown to the label map (edema 1, …); …" unless every voxel has a value of the map or
/// 0.
void require_known_labels(const imaging::Image& label, const std::map<std::string, int64_t>& labels, const std::string& file);

}  // namespace larmor::datasets
