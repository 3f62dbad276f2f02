#include "train/data_record.h"

#include <gtest/gtest.h>

#include "tests/support/errors.h"

namespace larmor::train {
namespace {

DataRecord record() {
  return {.source = "lgg", .fingerprint = std::string(64, 'a'), .train = {"P1", "P2"}, .validation = {"P3"}, .test = {"P4"}};
}

TEST(TrainRecord, RoundTrip) {
  EXPECT_EQ(data_record_from_json(to_json(record()), "w"), record());
  EXPECT_TRUE(record().is_known());
}

TEST(TrainRecord, HoldOutIsKeptWhereThereIsOne) {
  EXPECT_EQ(to_json(record()).find("hold_out"), std::string::npos);  // as files had it before there was one
  DataRecord other = record();
  other.hold_out = {"P5"};
  EXPECT_EQ(data_record_from_json(to_json(other), "w"), other);
  EXPECT_EQ(difference(record(), other), "subject P5 was on no side and is on the hold_out side now");
}

/// Older files lack it, so it makes no difference; it only goes along.
TEST(TrainRecord, PreparationIsKeptAndDoesNotCount) {
  EXPECT_EQ(to_json(record()).find("preparation"), std::string::npos);
  DataRecord other = record();
  other.preparation = R"({"parameters":{"size":64}})";
  EXPECT_EQ(data_record_from_json(to_json(other), "w").preparation, other.preparation);
  EXPECT_EQ(difference(record(), other), "");
}

TEST(TrainRecord, FilesWithoutOneAreUnknown) { EXPECT_FALSE(data_record_from_json("", "w").is_known()); }

TEST(TrainRecord, DifferencesNameWhatMatters) {
  EXPECT_EQ(difference(record(), record()), "");
  DataRecord other = record();
  other.train = {"P2"};
  other.validation = {"P1", "P3"};
  EXPECT_EQ(difference(record(), other), "subject P1 was on the train side and is on the validation side now");
  other = record();
  other.train.emplace_back("P5");
  EXPECT_EQ(difference(record(), other), "subject P5 was on no side and is on the train side now");
  other = record();
  other.fingerprint = std::string(64, 'b');
  EXPECT_EQ(difference(record(), other), "their files differ: fingerprint aaaaaaaaaaaa then, bbbbbbbbbbbb now");
  other.source = "siberian";
  EXPECT_EQ(difference(record(), other), "source 'lgg' then, 'siberian' now");
}

TEST(TrainRecordError, Damaged) {
  for (const char* text : {"{", "[]", "{\"source\": 1}", "{\"source\": \"lgg\"}"}) {
    EXPECT_EQ(testing::data_error([&] { data_record_from_json(text, "w.safetensors"); }),
              "w.safetensors: the record of its training data is damaged; use another checkpoint");
  }
}

}  // namespace
}  // namespace larmor::train
