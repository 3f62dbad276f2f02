#include "datasets/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "core/files.h"
#include "imaging/io.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_run.h"

namespace larmor::cli {
namespace {

namespace fs = std::filesystem;

struct Outcome {
  int exit_code = 0;
  std::string out, err;
};

Outcome run_inspect(std::vector<std::string> words) {
  words.insert(words.begin(), {"larmor", "inspect"});
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.exit_code = run_program(static_cast<int>(arguments.size()), arguments.data());
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

class InspectCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = larmor::testing::make_temporary_folder("inspect");
    data_ = (folder_ / "data").string();
    larmor::testing::write_tiny_lgg(data_, 2, 3, 40);
  }
  datasets::Inspection inspection() const { return datasets::inspect(*datasets::open_for_inspection(data_)); }

  fs::path folder_;
  std::string data_;
};

TEST_F(InspectCommand, PrintsTheTables) {
  const Outcome outcome = run_inspect({data_});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, datasets::to_text(inspection()));
  EXPECT_THAT(outcome.out, ::testing::StartsWith("lgg · 2 subjects, 6 slices, 4 with foreground"));
}

TEST_F(InspectCommand, JsonIsTheSame) {
  const std::string sheet = (folder_ / "sheet.png").string();
  const Outcome outcome = run_inspect({data_, "--json", "--sheet", sheet});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out), datasets::to_json(inspection()));
  EXPECT_TRUE(fs::exists(sheet));
}

TEST_F(InspectCommand, ContactSheetIsAnImage) {
  const std::string sheet = (folder_ / "sheet.png").string();
  const Outcome outcome = run_inspect({data_, "--sheet", sheet});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, ::testing::EndsWith("contact sheet: " + sheet + "\n"));
  const imaging::Image expected = datasets::contact_sheet(*datasets::open_for_inspection(data_));
  const imaging::Image written = imaging::read_image(sheet);
  EXPECT_EQ(written.size, expected.size);
  EXPECT_EQ(written.channels, expected.channels);
}

TEST_F(InspectCommand, BadFileIsAFindingAndNothingIsChanged) {
  const std::string patient = larmor::testing::tiny_patient(0);
  const fs::path image = fs::path(data_) / patient / (patient + "_2.tif");
  const std::string torn = read_file(image).substr(0, 300);
  write_file_atomically(image, torn);
  const Outcome outcome = run_inspect({data_});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, ::testing::HasSubstr("suspicious: "));
  EXPECT_THAT(outcome.out, ::testing::HasSubstr(patient + "_2.tif"));
  EXPECT_EQ(read_file(image), torn);
}

TEST_F(InspectCommand, NoDataIsOneLine) {
  const std::string absent = (folder_ / "absent").string();
  const Outcome outcome = run_inspect({absent});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, ::testing::HasSubstr(absent + ": no such folder"));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
}

TEST_F(InspectCommand, SheetThatCannotBeWritten) {
  const std::string sheet = (folder_ / "no/such/sheet.png").string();
  const Outcome outcome = run_inspect({data_, "--sheet", sheet});
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("no/such"));
}

}  // namespace
}  // namespace larmor::cli
