#include "eval/detection.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "eval/statistics.h"
#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using datasets::CaseKey;
using testing::mask_of;
using testing::MemorySource;
using testing::message_of;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

const std::vector<std::string> kNothing = {"0000", "0000", "0000"};

MaskedSlice slice(const CaseKey& key, const std::vector<std::string>& truth, const std::vector<std::string>& prediction) {
  return {key, mask_of(truth), mask_of(prediction)};
}

/// Where something is predicted 0.9, else `background`.
at::Tensor confidence_of(const MaskedSlice& slice, double background = 0.1) {
  const imaging::Image& mask = slice.prediction;
  const at::Tensor inside = at::from_blob(const_cast<uint8_t*>(mask.data<uint8_t>()), {mask.height(), mask.width()}, at::kByte).ne(0);
  return at::where(inside, at::full({}, 0.9), at::full({}, background)).to(at::kFloat);
}

MemorySource source_of(const std::vector<MaskedSlice>& slices) {
  std::vector<datasets::RawSample> samples;
  for (const MaskedSlice& one : slices) samples.push_back({one.key, one.truth, one.truth});
  return MemorySource(std::move(samples));
}

Detection::Score score(const std::vector<MaskedSlice>& slices, const LesionOptions& options = {}) {
  Detection detection(options, source_of(slices));
  for (const MaskedSlice& one : slices) detection.add(one, confidence_of(one));
  return detection.finish(100);
}

const Metric& metric(const Detection::Score& score, const std::string& name) {
  return *std::find_if(score.metrics.begin(), score.metrics.end(), [&](const Metric& one) { return one.name == name; });
}

/// a: a lesion over two slices, found; a false one and a missed one in its last slice. b: nothing but a false alarm. c: nothing at all.
std::vector<MaskedSlice> three_patients() {
  return {slice({"a", "", 4}, {"1000", "0000", "0000"}, {"1100", "0000", "0000"}),
          slice({"a", "", 5}, {"1000", "0000", "0000"}, kNothing),
          slice({"a", "", 7}, {"0000", "0000", "0001"}, {"0000", "1000", "0000"}),
          slice({"b", "", 1}, kNothing, {"0000", "0010", "0000"}),
          slice({"b", "", 2}, kNothing, kNothing),
          slice({"c", "", 1}, kNothing, kNothing)};
}

TEST(Detection, CountsOfSlicesLesionsAndCases) {
  const Detection::Score found = score(three_patients());
  struct Expected {
    double value;
    int64_t count, missed;
  };
  const std::map<std::string, Expected> expected = {{"slice_sensitivity", {2.0 / 3, 3, 1}},      {"slice_specificity", {2.0 / 3, 3, 0}},
                                                    {"lesion_sensitivity", {1.0 / 2, 2, 1}},     {"lesion_precision", {1.0 / 3, 3, 0}},
                                                    {"lesion_false_positives", {2.0 / 3, 3, 0}}, {"case_sensitivity", {1, 1, 0}},
                                                    {"case_specificity", {1.0 / 2, 2, 0}}};
  ASSERT_EQ(found.metrics.size(), expected.size() + 1);
  for (const auto& [name, values] : expected) {
    EXPECT_DOUBLE_EQ(metric(found, name).value, values.value) << name;
    EXPECT_EQ(metric(found, name).count, values.count) << name;
    EXPECT_EQ(metric(found, name).missed, values.missed) << name;
  }
  // Confidence 0.9 for 2 of 3 positive and 1 of 3 negative slices, 0.1 for the others.
  EXPECT_DOUBLE_EQ(metric(found, "slice_auc").value, (2 * 2 + 0.5 * (2 * 1 + 1 * 2)) / 9);
  EXPECT_EQ(metric(found, "slice_auc").count, 6);
}

TEST(Detection, NamesAreThoseOfTheMetrics) {
  std::vector<std::string> names;
  for (const Metric& one : score(three_patients()).metrics) names.push_back(one.name);
  EXPECT_EQ(names, detection_metric_names());
  EXPECT_TRUE(is_detection_metric("slice_auc"));
  EXPECT_FALSE(is_detection_metric("dice_patients"));
}

TEST(Detection, CasesHaveWilsonIntervals) {
  const Metric found = metric(score(three_patients()), "case_specificity");
  const Interval wilson = proportion_interval(1, 2);
  EXPECT_DOUBLE_EQ(found.low, wilson.low);
  EXPECT_DOUBLE_EQ(found.high, wilson.high);
  EXPECT_TRUE(std::isnan(metric(score(three_patients()), "lesion_sensitivity").low)) << "three patients are too few for a bootstrap";
}

TEST(Detection, TableOfLesions) {
  EXPECT_EQ(to_csv(score(three_patients()).lesions),
            "patient,session,outcome,x,y,slice,x_last,y_last,slice_last,voxels,mm3,confidence_max,confidence_mean\n"
            "a,,hit,0,0,4,1,0,4,2,,0.8999999761581421,0.8999999761581421\n"
            "a,,false_positive,0,1,7,0,1,7,1,,0.8999999761581421,0.8999999761581421\n"
            "a,,missed,3,2,7,3,2,7,1,,0.10000000149011612,0.10000000149011612\n"
            "b,,false_positive,2,1,1,2,1,1,1,,0.8999999761581421,0.8999999761581421\n");
}

TEST(Detection, VolumesInMillimetres) {
  std::vector<MaskedSlice> slices = three_patients();
  for (MaskedSlice& one : slices) {
    one.truth.geometry.spacing_mm = {0.5, 0.5, 4};
    one.truth.geometry.has_spacing = true;
  }
  const CsvTable table = score(slices).lesions;
  EXPECT_EQ(table.rows[0][table.column("mm3")], "2");
  EXPECT_EQ(score(slices, {.smallest_mm3 = 2}).lesions.rows.size(), 1u);
}

TEST(Detection, AMissingNumberSeparates) {
  const auto with_number = [](int64_t number) {
    const std::vector<std::string> lesion = {"1000", "0000", "0000"};
    return score({slice({"a", "", 1}, lesion, lesion), slice({"a", "", number}, lesion, lesion)});
  };
  EXPECT_EQ(metric(with_number(2), "lesion_sensitivity").count, 1);
  EXPECT_EQ(metric(with_number(3), "lesion_sensitivity").count, 2);
  EXPECT_EQ(metric(with_number(3'000'000'000), "lesion_sensitivity").count, 2);
}

TEST(Detection, SessionsAreCasesOfTheirOwn) {
  const std::vector<std::string> lesion = {"1000", "0000", "0000"};
  const Detection::Score found = score({slice({"a", "1", 1}, lesion, lesion), slice({"a", "2", 2}, lesion, kNothing)});
  EXPECT_EQ(metric(found, "lesion_sensitivity").count, 2);
  EXPECT_EQ(metric(found, "case_sensitivity").count, 2);
  EXPECT_DOUBLE_EQ(metric(found, "case_sensitivity").value, 0.5);
}

TEST(Detection, NothingToCount) {
  const Detection::Score found = score({slice({"a", "", 1}, kNothing, kNothing)});
  for (const char* name : {"slice_sensitivity", "slice_auc", "lesion_sensitivity", "lesion_precision", "case_sensitivity"}) {
    EXPECT_TRUE(std::isnan(metric(found, name).value)) << name;
  }
  EXPECT_EQ(metric(found, "lesion_sensitivity").count, 0);
  EXPECT_DOUBLE_EQ(metric(found, "lesion_false_positives").value, 0);
  EXPECT_DOUBLE_EQ(metric(found, "case_specificity").value, 1);
}

TEST(Detection, ACaseThatIsNotCompleteIsScoredToo) {
  const std::vector<MaskedSlice> slices = three_patients();
  Detection detection({}, source_of(slices));
  detection.add(slices[0], confidence_of(slices[0]));
  EXPECT_EQ(metric(detection.finish(10), "lesion_sensitivity").count, 1);
}

TEST(Detection, LinesForPeople) {
  EXPECT_EQ(detection_text({{"dice_patients", 0.5, 1}}), "");
  Metric false_positives{"lesion_false_positives", 0.5, 12, 0, 0.25, 0.75};
  EXPECT_EQ(detection_text({{"slice_sensitivity", 0.75, 8, 2}, {"slice_auc", kNone, 8}, false_positives, {"case_specificity", 0.75, 4}}),
            "  sensitivity, slices                    0.7500   –                    8 slices with lesion    2 missed\n"
            "  AUC of slices' highest probability          –   –                    8 slices            \n"
            "  false positive lesions per case        0.5000   [0.250, 0.750]      12 cases                 6 in all\n"
            "  specificity, cases                     0.7500   –                    4 cases without         1 false\n");
}

TEST(DetectionErrors, SlicesThatDoNotFit) {
  const auto message = [](MaskedSlice second, const LesionOptions& options = {}) {
    const std::vector<MaskedSlice> slices = {slice({"a", "", 1}, kNothing, kNothing), std::move(second)};
    return message_of([&] { score(slices, options); });
  };
  EXPECT_EQ(message(slice({"a", "", 2}, {"00"}, {"00"})),
            "a:2: is 2 x 1, the slices before of its volume are 4 x 3: lesions need one size; without them: task.detection: never "
            "(--no-detection)");
  MaskedSlice thick = slice({"a", "", 2}, kNothing, kNothing);
  thick.truth.geometry.spacing_mm = {1, 1, 5};
  thick.truth.geometry.has_spacing = true;
  EXPECT_EQ(message(thick),
            "a:2: its voxels have 5 mm³, those of the slices before of its volume 0: lesions need one spacing; without them: "
            "task.detection: never (--no-detection)");
  EXPECT_EQ(message(thick, {.smallest_mm3 = 2}),
            "a:1: has no spacing, so that its lesions have no volume in mm³: give task.smallest_lesion in voxels (--smallest-lesion) in "
            "the place of task.smallest_lesion_mm3");
}

/// Every pair of a positive and a negative slice, one by one.
double area_by_pairs(const std::vector<RankedSlice>& slices, const std::vector<int64_t>& weights) {
  double ordered = 0, pairs = 0;
  for (const RankedSlice& positive : slices) {
    for (const RankedSlice& negative : slices) {
      if (!positive.is_positive || negative.is_positive) continue;
      const auto weight = static_cast<double>(weights[positive.patient] * weights[negative.patient]);
      pairs += weight;
      if (positive.confidence > negative.confidence) ordered += weight;
      if (positive.confidence == negative.confidence) ordered += weight / 2;
    }
  }
  return ordered / pairs;
}

RC_GTEST_PROP(Detection, TheAreaCountsPairs, ()) {
  std::vector<RankedSlice> slices;
  const std::vector<int64_t> weights = {1, *rc::gen::inRange<int64_t>(0, 4), *rc::gen::inRange<int64_t>(0, 4)};
  for (int i = 0; i < 12; ++i) {
    slices.push_back({static_cast<float>(*rc::gen::inRange(0, 5)) / 4, *rc::gen::arbitrary<bool>(), *rc::gen::inRange<size_t>(0, 3)});
  }
  std::sort(slices.begin(), slices.end(), [](const RankedSlice& a, const RankedSlice& b) { return a.confidence < b.confidence; });
  const double expected = area_by_pairs(slices, weights), area = area_under_curve(slices, weights);
  RC_ASSERT((std::isnan(expected) ? std::isnan(area) : std::abs(area - expected) < 1e-12));
}

RC_GTEST_PROP(Detection, TheOrderOfSlicesChangesNothing, ()) {
  const std::vector<MaskedSlice> slices = three_patients();
  std::vector<MaskedSlice> shuffled = slices;
  for (size_t i = shuffled.size(); i > 1; --i) std::swap(shuffled[i - 1], shuffled[*rc::gen::inRange<size_t>(0, i)]);
  Detection detection({}, source_of(slices));
  for (const MaskedSlice& one : shuffled) detection.add(one, confidence_of(one));
  const Detection::Score after = detection.finish(10), before = score(slices);
  RC_ASSERT(to_csv(after.lesions) == to_csv(before.lesions));
  for (size_t i = 0; i < before.metrics.size(); ++i) RC_ASSERT(after.metrics[i].value == before.metrics[i].value);
}

}  // namespace
}  // namespace larmor::eval
