#include "tests/fuzz/image_targets.h"
#include "tests/fuzz/replay.h"

namespace larmor::testing {
namespace {

TEST(FuzzCorpus, Tiff) { replay("tiff", fuzz_tiff); }
TEST(FuzzCorpus, Png) { replay("png", fuzz_png); }
TEST(FuzzCorpus, Nifti) { replay("nifti", fuzz_nifti); }
TEST(FuzzCorpus, Nrrd) { replay("nrrd", fuzz_nrrd); }
TEST(FuzzCorpus, Dicom) { replay("dicom", fuzz_dicom); }
TEST(FuzzCorpus, Transform) { replay("transform", fuzz_transform); }

}  // namespace
}  // namespace larmor::testing
