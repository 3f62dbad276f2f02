#include "core/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/files.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor {
namespace {

using nlohmann::json;
using testing::make_temporary_folder;

std::vector<json> lines_of(const std::filesystem::path& file) {
  std::vector<json> lines;
  std::istringstream stream(read_file(file));
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

TEST(JsonLines, EachEventIsOneObject) {
  const auto file = make_temporary_folder("log") / "log.jsonl";
  JsonLog log(file);
  log.write("start", nullptr);
  log.write("epoch", {{"loss", 0.25}, {"note", "two\nlines"}, {"nested", {{"a", {1, 2}}}}});
  const std::vector<json> lines = lines_of(file);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["event"], "start");
  EXPECT_THAT(lines[0]["time"].get<std::string>(), ::testing::MatchesRegex("20..-..-..T..:..:..\\....Z"));
  EXPECT_EQ(lines[1]["loss"], 0.25);
  EXPECT_EQ(lines[1]["note"], "two\nlines");
  EXPECT_EQ(lines[1]["nested"]["a"][1], 2);
  EXPECT_TRUE(read_file(file).starts_with(R"({"event":"start","time":")"));
}

TEST(JsonLines, NonFiniteNumbersAreSpelled) {
  const auto file = make_temporary_folder("log") / "log.jsonl";
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  JsonLog(file).write("x", {{"a", std::nan("")}, {"b", {kInfinity, -kInfinity, 1.0}}});
  const json line = lines_of(file)[0];
  EXPECT_EQ(line["a"], "nan");
  EXPECT_EQ(line["b"], json({"inf", "-inf", 1.0}));
}

TEST(JsonLines, TextThatIsNotUtf8DoesNotStopTheRun) {
  const auto file = make_temporary_folder("log") / "log.jsonl";
  JsonLog(file).write("x", {{"path", "a\xff"}});
  EXPECT_EQ(lines_of(file)[0]["path"], "a\xEF\xBF\xBD");
}

TEST(JsonLines, AnUnfinishedLastLineIsCutOff) {
  const auto file = make_temporary_folder("log") / "log.jsonl";
  for (const std::string before : {"", "{\"event\":\"a\"}\n"}) {
    for (const std::string torn : {"", "{\"event\":\"b\",\"lo"}) {
      write_file_atomically(file, before + torn);
      JsonLog log(file);
      EXPECT_EQ(read_file(file), before);
      log.write("c", nullptr);
      EXPECT_EQ(lines_of(file).back()["event"], "c");
    }
  }
}

TEST(JsonLinesError, NamesTheFile) {
  const auto file = make_temporary_folder("log") / "no/log.jsonl";
  JsonLog log(file);
  EXPECT_EQ(testing::run_error([&] { log.write("a", nullptr); }), file.string() + ": cannot be written: No such file or directory");
}

}  // namespace
}  // namespace larmor
