#include "core/csv.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "core/files.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"

namespace larmor {
namespace {

using testing::data_error;
using Row = std::vector<std::string>;

TEST(Csv, ReadsQuotesLineEndsAndEmptyLines) {
  const CsvTable table = parse_csv("\xEF\xBB\xBFname,note\r\na,\"x, \"\"y\"\"\r\nz\"\r\n\n\r\nb,\n\"\", c d \n", "t.csv");
  EXPECT_EQ(table.header, (Row{"name", "note"}));
  EXPECT_EQ(table.rows, (std::vector<Row>{{"a", "x, \"y\"\r\nz"}, {"b", ""}, {"", " c d "}}));
}

TEST(Csv, TheLastLineNeedsNoEnd) {
  for (const char* text : {"a,b\n1,2", "a,b\n1,2\n", "a,b\r\n1,2\r\n", "a,b\n1,2\r", "a,b\n1,\"2\"", "a,b\n1,\"2\"\r"}) {
    EXPECT_EQ(parse_csv(text, "t.csv").rows, (std::vector<Row>{{"1", "2"}})) << text;
  }
  EXPECT_EQ(parse_csv("a,b\n1,", "t.csv").rows, (std::vector<Row>{{"1", ""}}));
  EXPECT_TRUE(parse_csv("a,b", "t.csv").rows.empty());
}

TEST(CsvError, NamesFileAndLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "t.csv: no header row: the file is empty"},
      {"\n\r\n", "t.csv: no header row: the file is empty"},
      {"a,b\n1\n", "t.csv:2: 1 fields; the header has 2"},
      {"a,b\n\"x\ny\",2\n\n1,2,3\n", "t.csv:5: 3 fields; the header has 2"},
      {"a,b\n1,\"open\nstill", "t.csv:2: a quote that is not closed"},
      {"a,b\n1,x\"y\n", "t.csv:2: a quote inside a field that does not begin with one"},
      {"a,b\n1,\"x\"y\n", "t.csv:2: text after a closing quote"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(data_error([&text = text] { parse_csv(text, "t.csv"); }), message);
  }
}

TEST(CsvError, UnknownColumnNamesTheNearestAndAll) {
  const CsvTable table = parse_csv("Patient,age\n", "t.csv");
  EXPECT_EQ(table.column("age"), 1u);
  EXPECT_EQ(data_error([&] { table.column("patient"); }), "no column 'patient'; nearest: 'Patient'; columns: Patient, age");
  EXPECT_EQ(data_error([&] { table.column("tumour"); }), "no column 'tumour'; columns: Patient, age");
}

TEST(Csv, QuotesOnlyWhereNeeded) {
  EXPECT_EQ(to_csv({{"a", "b"}, {{"plain text", "x,y"}, {"say \"hi\"", "two\nlines"}, {"", ""}}}),
            "a,b\nplain text,\"x,y\"\n\"say \"\"hi\"\"\",\"two\nlines\"\n,\n");
  EXPECT_EQ(to_csv({{"a"}, {{""}}}), "a\n\"\"\n");
}

TEST(Csv, ReadsAFile) {
  const auto file = testing::make_temporary_folder("csv") / "t.csv";
  write_file_atomically(file, "a\n1\n");
  EXPECT_EQ(read_csv(file).rows, (std::vector<Row>{{"1"}}));
}

RC_GTEST_PROP(Csv, WriteThenReadGivesTheSame, ()) {
  const auto field = rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(
                                      std::vector<std::string>{"a", ",", "\"", "\n", "\r", " ", "é", "\xEF\xBB\xBF", "\xff"})),
                                  [](const Row& pieces) {
                                    std::string text;
                                    for (const std::string& piece : pieces) text += piece;
                                    return text;
                                  });
  const auto width = *rc::gen::inRange<size_t>(1, 4);
  const auto row = rc::gen::container<Row>(width, field);
  const CsvTable table{*row, *rc::gen::container<std::vector<Row>>(row)};
  const CsvTable read = parse_csv(to_csv(table), "t.csv");
  RC_ASSERT(read.header == table.header);
  RC_ASSERT(read.rows == table.rows);
}

TEST(CsvNumbers, AreShortAndExact) {
  EXPECT_EQ(csv_number(0.1), "0.1");
  EXPECT_EQ(csv_number(1), "1");
  EXPECT_EQ(csv_number(std::nan("")), "");
  EXPECT_EQ(csv_number(-std::numeric_limits<double>::infinity()), "-inf");
}

RC_GTEST_PROP(CsvNumbers, ReadBackTheSame, (uint64_t bits)) {
  const auto value = std::bit_cast<double>(bits);
  RC_PRE(std::isfinite(value));
  RC_ASSERT(std::bit_cast<uint64_t>(std::strtod(csv_number(value).c_str(), nullptr)) == bits);
}

}  // namespace
}  // namespace larmor
