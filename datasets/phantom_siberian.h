// A synthetic data set in the layout of the Siberian brain tumour set: nothing to download, nobody's images.
//
//   ROOT/<subject>/T1.nii.gz, T1CE.nii.gz    voxel_mm isotropic; the patient moved a little in between
//   ROOT/<subject>/FLAIR.nii.gz              5 mm slices, 0.9 voxel_mm in the plane, shifted and turned
//   ROOT/<subject>/T2.nii.gz                 on request: 5 mm slices, 0.8 x 0.6 voxel_mm in the plane
//   ROOT/<subject>/label.nii.gz              on the grid of T1CE: 1 edema, 2 non-enhancing, 3 enhancing, 4 necrotic
//   ROOT/<subject>/T1.tfm, FLAIR.tfm, T2.tfm the truth: maps points of T1CE to those of the sequence (imaging/transform.h)
//   ROOT/subjects.csv                        subject, tumour_type, sex, age
//   ROOT/PHANTOM.txt                         marks every table made from them
//
// Every subject is a brain of its own (datasets/phantom_brain.h). Meningiomas are edema and enhancing tumour, neurinomas enhancing with
// necrotic parts, astrocytomas mostly non-enhancing, glioblastomas all four. As DICOM a sequence is a folder with one series after the
// protocol of the set, and T1 and T1CE differ in contrast agent and time alone.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace larmor::datasets {

struct SiberianPhantomOptions {
  int64_t subjects = 8;
  double voxel_mm = 1;  ///< of T1 and T1CE, 1 to 6; the field of view is always 256 mm
  bool has_t2 = false;
  std::string format = "nifti";    ///< nifti | nrrd | dicom; labels and tables are the same in each
  std::vector<std::string> types;  ///< tumour types, dealt out in turn; empty: all four
  double shift_mm = 8;             ///< the most along each axis between FLAIR (T2) and T1CE
  double angle_deg = 6;            ///< the most about each axis
  int64_t seed = 0;                ///< the same seed gives the same bytes
  int64_t threads = 0;             ///< 0: one per processor; the files do not depend on it
  /// Another new folder for a second reader's labels (datasets/second_reader.h): <subject>/label.nii.gz (.nrrd); "": none.
  std::string second_reader;
};

/// The folder appears only when everything is written. Error (usage): numbers out of bounds, an unknown format or type, a folder that
/// is not empty or lies in the other; Error (run): disk full.
void write_siberian_phantom(const std::filesystem::path& folder, const SiberianPhantomOptions& options);

}  // namespace larmor::datasets
