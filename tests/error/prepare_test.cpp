// Scans as people have them, mixed up: one line that says what is wrong and where, the right exit code, and nothing left behind.
#include <algorithm>

#include "core/files.h"
#include "tests/error/fixture.h"

namespace larmor::testing {
namespace {

namespace fs = std::filesystem;

const std::string kFirst = "SBT_PH_0001", kSecond = "SBT_PH_0002";

/// Two subjects in each format, made once.
class PrepareError : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = make_temporary_folder("error");
    for (const std::string format : {"nifti", "nrrd", "dicom"}) {
      const ProcessResult made =
          run_larmor({"phantom", "siberian", format, "--patients", "2", "--voxel-mm", "6", "--format", format, "--threads", "1"}, folder_);
      ASSERT_EQ(made.exit_code, 0) << made.err;
    }
  }

  void SetUp() override {
    fs::remove_all(data());
    fs::remove_all(folder_ / "out");
  }

  static fs::path data() { return folder_ / "data"; }

  /// A copy that a test may damage.
  static void use(const std::string& format) {
    fs::remove_all(data());
    fs::copy(folder_ / format, data(), fs::copy_options::recursive);
  }

  static std::string ending(const std::string& format) { return format == "nifti" ? ".nii.gz" : ".nrrd"; }

  static ProcessResult prepare(const std::vector<std::string>& more = {}, const std::string& out = "out") {
    std::vector<std::string> words{"prepare", "siberian", "data",     out,    "--size",         "48",  "--threads",
                                   "1",       "--quiet",  "--points", "4000", "--registration", "none"};
    words.insert(words.end(), more.begin(), more.end());
    return run_larmor(words, folder_);
  }

  static std::vector<std::string> listing() {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) files.push_back(entry.path().string());
    std::sort(files.begin(), files.end());
    return files;
  }

  /// Refused in this one line, and every folder is as before.
  static void refuse(int exit_code, const std::string& message, const std::vector<std::string>& more = {}, const std::string& out = "out") {
    const std::vector<std::string> before = listing();
    const ProcessResult result = prepare(more, out);
    EXPECT_EQ(result.exit_code, exit_code);
    EXPECT_EQ(result.err, message + "\n");
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(listing(), before);
  }

  static std::string advice(const std::string& subject) { return "; mend it or leave the subject out with --exclude " + subject; }

  static inline fs::path folder_;
};

TEST_F(PrepareError, FileNamedAfterAnotherSubject) {
  for (const std::string format : {"nifti", "nrrd"}) {
    use(format);
    const std::string file = kSecond + "_FLAIR" + ending(format);
    fs::rename(data() / kFirst / ("FLAIR" + ending(format)), data() / kFirst / file);
    refuse(3,
           kFirst + ": " + kFirst + "/" + file + " is named after subject " + kSecond + ", which has a folder of its own" + advice(kFirst));
  }
}

TEST_F(PrepareError, VolumeOfAnotherSubjectUnderTheSameName) {
  for (const std::string format : {"nifti", "nrrd"}) {
    use(format);
    const std::string file = "/T1" + ending(format);
    fs::copy_file(data() / (kFirst + file), data() / (kSecond + file), fs::copy_options::overwrite_existing);
    refuse(3, kSecond + file + ": is the same, byte by byte, as " + kFirst + file +
                  "; a volume is of one subject: mend it or leave one out with --exclude " + kSecond);
  }
}

TEST_F(PrepareError, SeriesOfAnotherPatient) {
  const std::string message = kSecond + ": " + kSecond + "/series_2/0001.dcm is of patient '" + kSecond + "' and " + kSecond +
                              "/series_4/0001.dcm of patient '" + kFirst + "'; put each into its own folder" + advice(kSecond);
  use("dicom");
  fs::copy(data() / kFirst / "series_4", data() / kSecond / "series_4", fs::copy_options::overwrite_existing | fs::copy_options::recursive);
  refuse(3, message);
  use("dicom");
  fs::copy(data() / kFirst / "series_4", data() / kSecond / "series_9");
  std::string beside = message;
  refuse(3, beside.replace(beside.find("series_4"), 8, "series_9"));
}

TEST_F(PrepareError, MissingSequence) {
  for (const std::string format : {"nifti", "nrrd", "dicom"}) {
    use(format);
    if (format == "dicom") {
      fs::remove_all(data() / kFirst / "series_3");
    } else {
      fs::remove(data() / kFirst / ("FLAIR" + ending(format)));
    }
    refuse(3, kFirst + ": has no FLAIR; found: T1, T1CE, label" + advice(kFirst));
  }
  use("nifti");
  refuse(3, kFirst + ": has no T2; found: FLAIR, T1, T1CE, label" + advice(kFirst) + " (and 1 more subject: " + kSecond + ")",
         {"--sequences", "T1CE,T2"});
}

TEST_F(PrepareError, LabelsUnknownToTheMap) {
  for (const std::string format : {"nifti", "nrrd", "dicom"}) {
    use(format);
    const std::string label = format == "nrrd" ? "/label.nrrd" : "/label.nii.gz";
    const std::vector<std::string> before = listing();
    const ProcessResult result = prepare({"--labels", "core=9"});
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(result.err.find(kFirst + label + ": value 1 at voxel "), 0u) << result.err;
    EXPECT_TRUE(result.err.ends_with(" is unknown to the label map (9 core); name it with --labels NAME=VALUE,… (and 1 more)\n"))
        << result.err;
    EXPECT_EQ(listing(), before);
  }
}

TEST_F(PrepareError, LabelMapsThatAreNone) {
  use("nifti");
  refuse(2, "--labels: 'core' is not NAME=VALUE, e.g. edema=2", {"--labels", "core"});
  refuse(2, "--labels: 'core' stands twice", {"--labels", "core=1,core=2"});
  refuse(2, "prepare: labels 'a' and 'b' are both 1", {"--labels", "a=1,b=1"});
  refuse(2, "prepare: label 'core' is 300; must be in [1, 255]", {"--labels", "core=300"});
}

/// Told even with --quiet, and counted; the other subjects are prepared.
TEST_F(PrepareError, RegistrationThatFails) {
  use("nifti");
  const fs::path flair = data() / kFirst / "FLAIR.nii.gz";
  fs::copy_file(data() / kFirst / "label.nii.gz", flair, fs::copy_options::overwrite_existing);  // hardly any contrast
  const ProcessResult result = run_larmor(
      {"prepare", "siberian", "data", "out", "--size", "48", "--threads", "1", "--quiet", "--points", "4000", "--json"}, folder_);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err.find(kFirst + "  EXCLUDED: registration of FLAIR failed: "), 0u) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_NE(result.out.find("\"excluded\": \"registration of FLAIR failed: "), std::string::npos) << result.out;
  EXPECT_FALSE(fs::exists(folder_ / "out/volumes" / (kFirst + ".h5")));
  EXPECT_TRUE(fs::exists(folder_ / "out/volumes" / (kSecond + ".h5")));
  const ProcessResult inspected = run_larmor({"inspect", "out"}, folder_);
  EXPECT_NE(inspected.out.find("\nsuspicious: 1\n  " + kFirst + ": was excluded: registration of FLAIR failed: "), std::string::npos)
      << inspected.out;
  write_file_atomically(folder_ / "a.yaml",
                        "data: {source: siberian, root: out, size: 32, split: {kind: kfold, folds: 2}}\nmodel: {encoder_depth: 3}\n");
  const ProcessResult trained = run_larmor({"train", "a.yaml", "--threads", "1"}, folder_);
  EXPECT_EQ(trained.exit_code, 2);
  EXPECT_EQ(trained.err, "data.split.folds: 2 folds of 1 subject; at most one fold per subject\n") << "the excluded one is not counted";
}

TEST_F(PrepareError, EverySubjectExcluded) {
  use("nifti");
  for (const std::string& subject : {kFirst, kSecond}) {
    fs::copy_file(data() / subject / "label.nii.gz", data() / subject / "FLAIR.nii.gz", fs::copy_options::overwrite_existing);
  }
  const ProcessResult result =
      run_larmor({"prepare", "siberian", "data", "out", "--size", "48", "--threads", "1", "--quiet", "--points", "4000"}, folder_);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.err.find("every subject is excluded; the first is " + kFirst + ": registration of FLAIR failed: "), 0u) << result.err;
  const ProcessResult inspected = run_larmor({"inspect", "out"}, folder_);
  EXPECT_EQ(inspected.exit_code, 3);
  EXPECT_EQ(inspected.err.find("data.root: out: no volume is left: " + kFirst + " was excluded: registration of FLAIR failed: "), 0u)
      << inspected.err;
  EXPECT_TRUE(inspected.err.ends_with(" (and 1 more)\n")) << inspected.err;
}

TEST_F(PrepareError, TornAndEmptyFiles) {
  use("dicom");
  const fs::path slice = data() / kSecond / "series_2/0010.dcm";
  fs::resize_file(slice, 700);
  refuse(3, kSecond + ": data/" + kSecond + "/series_2/0010.dcm: 700 bytes, but its header promises at least 702: the file is cut off" +
                advice(kSecond));
  fs::resize_file(slice, 0);
  refuse(3, kSecond + ": data/" + kSecond + "/series_2/0010.dcm: is empty" + advice(kSecond));
  use("nifti");
  fs::resize_file(data() / kSecond / "T1.nii.gz", 0);
  refuse(3, "data/" + kSecond + "/T1.nii.gz: is empty");
  use("nrrd");
  for (const std::string& subject : {kFirst, kSecond}) fs::resize_file(data() / subject / "T1.nrrd", 3000);
  refuse(3, "subject " + kFirst + ": data/" + kFirst +
                "/T1.nrrd: 2695 bytes, but its compressed data go on: the file is cut off (and 1 more)");
}

TEST_F(PrepareError, OutputsThatCannotBe) {
  use("nifti");
  refuse(2, "prepare: data/out is inside of the data, which is never written to", {}, "data/out");
  refuse(2, "prepare: ./data/../data is inside of the data, which is never written to", {}, "./data/../data");
  write_file_atomically(folder_ / "file", "");
  refuse(2, "output: file is a file; give a folder", {}, "file/out");
  refuse(1, "/proc/larmor/volumes: cannot make this folder: No such file or directory", {}, "/proc/larmor");
  fs::create_directory(folder_ / "above");
  fs::rename(data(), folder_ / "above/volumes");
  fs::create_directory_symlink("above/volumes", data());
  refuse(2, "prepare: above/volumes is inside of the data, which is never written to", {}, "above");
  fs::remove(data());
  fs::remove_all(folder_ / "above");
}

TEST_F(PrepareError, Subjects) {
  use("nifti");
  refuse(2, "--exclude: unknown subject 'SBT_PH_0009'; nearest: '" + kFirst + "'", {"--exclude", "SBT_PH_0009"});
  refuse(3, "data: --exclude leaves none of its 2 subjects", {"--exclude", kFirst + "," + kSecond});
  fs::rename(data() / kSecond, data() / "SBT\xff\n");
  refuse(3, "SBT\\xff\\x0a: its name has a control character or is no UTF-8" + advice("SBT\\xff\\x0a"));
  const std::string name(101, 'x');
  fs::rename(data() / "SBT\xff\n", data() / name);
  refuse(3, name + ": its name has 101 bytes; at most 100" + advice(name));
}

TEST_F(PrepareError, TablesOfSubjects) {
  use("nifti");
  write_file_atomically(data() / "subjects.csv", "subject,tumour_type\nA,x\nA,y\n");
  refuse(3, "data/subjects.csv: two rows are 'A'");
  write_file_atomically(data() / "subjects.csv", "subject,tumour_type,tumor_type\nA,x,y\n");
  refuse(3, "data/subjects.csv: two columns are 'tumour_type'");
  write_file_atomically(data() / "subjects.csv", "subject,tumour_type\nA\n");
  refuse(3, "data/subjects.csv:2: 1 fields; the header has 2");
}

}  // namespace
}  // namespace larmor::testing
