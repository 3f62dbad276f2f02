#include "eval/segmentation.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "core/tensors.h"
#include "eval/statistics.h"
#include "tests/eval/support.h"
#include "tests/support/golden.h"

namespace larmor::eval {
namespace {

using datasets::Batch;
using datasets::CaseKey;
using imaging::Image;
using testing::mask_of;
using testing::MemorySource;

struct Case {
  CaseKey key;
  Image truth;
  Image prediction;
};

at::Tensor probabilities_of(const Image& mask) {
  return at::from_blob(const_cast<uint8_t*>(mask.data<uint8_t>()), {1, mask.height(), mask.width()}, at::kByte).ne(0).to(at::kFloat);
}

MemorySource source_of(const std::vector<Case>& cases) {
  std::vector<datasets::RawSample> samples;
  for (const Case& one : cases) samples.push_back({one.key, one.truth, one.truth});
  return MemorySource(std::move(samples));
}

/// Feeds the cases in batches of `size`; all masks of one size.
Evaluation evaluate_cases(const std::vector<Case>& cases, size_t size, const SegmentationOptions& options = {}) {
  const MemorySource source = source_of(cases);
  const auto task = make_segmentation(options, 1);
  const auto evaluator = task->make_evaluator(source);
  for (size_t first = 0; first < cases.size(); first += size) {
    Batch batch;
    std::vector<at::Tensor> probabilities;
    for (size_t i = first; i < std::min(first + size, cases.size()); ++i) {
      batch.keys.push_back(cases[i].key);
      batch.source_labels.push_back(cases[i].truth);
      probabilities.push_back(probabilities_of(cases[i].prediction));
    }
    const at::Tensor stacked = at::stack(probabilities);
    batch.shape = stacked.sizes().vec();
    evaluator->add(batch, stacked);
  }
  return evaluator->finish();
}

/// Patient a: one slice hit by half (Dice 2/3), one missed. Patient b: one found, one empty and left empty, one false alarm.
std::vector<Case> five_slices() {
  return {{{"a", "", 1}, mask_of({"11", "00"}), mask_of({"10", "00"})},
          {{"a", "", 2}, mask_of({"00", "01"}), mask_of({"10", "00"})},
          {{"b", "", 1}, mask_of({"11", "11"}), mask_of({"11", "11"})},
          {{"b", "", 2}, mask_of({"00", "00"}), mask_of({"00", "00"})},
          {{"b", "", 3}, mask_of({"00", "00"}), mask_of({"00", "10"})}};
}

TEST(Segmentation, FiveAggregates) {
  const Evaluation evaluation = evaluate_cases(five_slices(), 2);
  const double dice_a = 2.0 * 1 / (2 * 1 + 1 + 2), dice_b = 2.0 * 4 / (2 * 4 + 1);
  EXPECT_DOUBLE_EQ(evaluation.value("dice_patients"), (dice_a + dice_b) / 2);
  EXPECT_DOUBLE_EQ(evaluation.value("dice_positive_slices"), (2.0 / 3 + 0 + 1) / 3);
  EXPECT_DOUBLE_EQ(evaluation.value("dice_all_slices"), (2.0 / 3 + 0 + 1 + 1 + 0) / 5);
  EXPECT_DOUBLE_EQ(evaluation.value("dice_pooled"), 2.0 * 5 / (2 * 5 + 2 + 2));
  const double eps = 1e-7, first = (2 + eps) / (5 + eps), second = 1, third = eps / (1 + eps);  // {a1 a2} {b1 b2} {b3}
  EXPECT_DOUBLE_EQ(evaluation.value("dice_batches"), (first + second + third) / 3);
  EXPECT_DOUBLE_EQ(evaluation.value("iou_patients"), (1.0 / 4 + 4.0 / 5) / 2);
  EXPECT_DOUBLE_EQ(evaluation.value("sensitivity_patients"), (1.0 / 3 + 1) / 2);
  EXPECT_DOUBLE_EQ(evaluation.value("precision_patients"), (1.0 / 2 + 4.0 / 5) / 2);
}

TEST(Segmentation, CountsAndMisses) {
  const Evaluation evaluation = evaluate_cases(five_slices(), 2);
  const std::map<std::string, std::pair<int64_t, int64_t>> expected = {
      {"dice_patients", {2, 0}}, {"dice_positive_slices", {3, 1}}, {"dice_all_slices", {5, 1}},      {"dice_pooled", {5, 1}},
      {"dice_batches", {3, 0}},  {"iou_patients", {2, 0}},         {"sensitivity_patients", {2, 0}}, {"precision_patients", {2, 0}}};
  ASSERT_EQ(evaluation.metrics.size(), expected.size());
  for (const auto& [name, counts] : expected) {
    EXPECT_EQ(evaluation.metric(name).count, counts.first) << name;
    EXPECT_EQ(evaluation.metric(name).missed, counts.second) << name;
  }
}

TEST(Segmentation, NamesAreThoseOfTheMetrics) {
  const Evaluation evaluation = evaluate_cases(five_slices(), 2);
  std::vector<std::string> names;
  for (const Metric& metric : evaluation.metrics) names.push_back(metric.name);
  EXPECT_EQ(names, make_segmentation({}, 1)->metric_names());
  EXPECT_EQ(names[0], "dice_patients");
}

TEST(Segmentation, Tables) {
  const Evaluation evaluation = evaluate_cases(five_slices(), 5);
  EXPECT_EQ(to_csv(evaluation.patients),
            "patient,slices,slices_positive,tp,fp,fn,dice,iou,sensitivity,precision,missed\n"
            "a,2,2,1,1,2,0.4,0.25,0.3333333333333333,0.5,0\n"
            "b,3,1,4,1,0,0.8888888888888888,0.8,1,0.8,0\n");
  EXPECT_EQ(to_csv(evaluation.slices),
            "patient,session,slice,tp,fp,fn,dice,iou,sensitivity,precision,missed\n"
            "a,,1,1,0,1,0.6666666666666666,0.5,0.5,1,0\n"
            "a,,2,0,1,1,0,0,0,0,1\n"
            "b,,1,4,0,0,1,1,1,1,0\n"
            "b,,2,0,0,0,1,1,,,0\n"
            "b,,3,0,1,0,0,0,,0,0\n");
}

TEST(Segmentation, SurfacesOnlyWhereAsked) {
  for (const char* when : {"evaluation", "never"}) {
    SegmentationOptions options;
    options.surface_distances = when;
    EXPECT_FALSE(evaluate_cases(five_slices(), 2, options).has("hd95_patients")) << when;
  }
  SegmentationOptions options;
  options.surface_distances = "always";
  options.surface_tolerances = {1, 2.5};
  const Evaluation evaluation = evaluate_cases(five_slices(), 2, options);
  std::vector<std::string> names;
  for (const Metric& metric : evaluation.metrics) names.push_back(metric.name);
  EXPECT_EQ(names, make_segmentation(options, 1)->metric_names());
  for (const char* name : {"hd95_patients", "assd_patients", "nsd_1_patients", "nsd_2.5_patients"}) {
    const Metric& metric = evaluation.metric(name);
    EXPECT_EQ(metric.unit, "px") << name;
    EXPECT_EQ(metric.count, 2) << name;
    EXPECT_EQ(metric.one_empty, 0) << name;
  }
}

TEST(Segmentation, LesionsOnlyWhereAsked) {
  for (const char* when : {"evaluation", "never"}) {
    SegmentationOptions options;
    options.detection = when;
    const Evaluation evaluation = evaluate_cases(five_slices(), 2, options);
    EXPECT_FALSE(evaluation.has("lesion_sensitivity")) << when;
    EXPECT_TRUE(evaluation.lesions.header.empty()) << when;
  }
  for (const bool largest_component : {false, true}) {
    SegmentationOptions options;
    options.detection = "always";
    options.largest_component = largest_component;
    const Evaluation evaluation = evaluate_cases(five_slices(), 2, options);
    std::vector<std::string> names;
    for (const Metric& metric : evaluation.metrics) names.push_back(metric.name);
    EXPECT_EQ(names, make_segmentation(options, 1)->metric_names());
    EXPECT_DOUBLE_EQ(evaluation.value("slice_specificity"), largest_component ? 1.0 : 0.5);
    EXPECT_EQ(evaluation.metric("lesion_sensitivity").count, 3);
  }
}

/// Two patients with their types; the second head answers by slice.
TEST(Segmentation, TypesOfPatients) {
  const std::vector<Case> cases = five_slices();
  SegmentationOptions options;
  options.label.column = "tumour_type";
  options.label.classes = {"meningioma", "neurinoma"};
  const auto task = make_segmentation(options, 1);
  const testing::TypedSource source({{"a", "neurinoma"}, {"b", "neurinoma"}});
  const auto evaluator = task->make_evaluator(source);
  const std::vector<double> of_neurinoma = {0.75, 0.5, 0.25, 0.875, 0.375};
  for (size_t i = 0; i < cases.size(); ++i) {
    Batch batch;
    batch.keys = {cases[i].key};
    batch.source_labels = {cases[i].truth};
    const at::Tensor probabilities = probabilities_of(cases[i].prediction).unsqueeze(0);
    batch.shape = probabilities.sizes().vec();
    evaluator->add(batch, probabilities);
    evaluator->add_labels(batch, at::tensor({1 - of_neurinoma[i], of_neurinoma[i]}).view({1, 2}));
  }
  const Evaluation evaluation = evaluator->finish();
  std::vector<std::string> names;
  for (const Metric& metric : evaluation.metrics) names.push_back(metric.name);
  EXPECT_EQ(names, task->metric_names());
  EXPECT_EQ(names.back(), "type_balanced_accuracy");
  EXPECT_DOUBLE_EQ(evaluation.value("type_accuracy"), 0.5);
  EXPECT_EQ(evaluation.types.counts, (std::vector<std::vector<int64_t>>{{0, 0}, {1, 1}}));
  const CsvTable& table = evaluation.patients;
  EXPECT_EQ(table.rows[0][table.column("type_true")], "neurinoma");
  EXPECT_EQ(table.rows[0][table.column("type_predicted")], "neurinoma");
  EXPECT_EQ(table.rows[0][table.column("type_probability")], "0.625");
  // Of b only the slices with a prediction, the first and the third.
  EXPECT_EQ(table.rows[1][table.column("type_predicted")], "meningioma");
  EXPECT_EQ(table.rows[1][table.column("type_probability")], "0.6875");
}

TEST(SegmentationErrors, TolerancesAreDistinct) {
  SegmentationOptions options;
  Problems problems;
  options_of(options).read(parse_yaml("{surface_tolerances: [1, 2.5, 1]}", "a.yaml"), problems, "task.");
  EXPECT_EQ(problems.lines(), std::vector<std::string>{"a.yaml:1: task.surface_tolerances: 1 stands twice"});
}

TEST(Segmentation, TolerancesThatDifferHaveNamesThatDiffer) {
  SegmentationOptions options;
  options.surface_distances = "always";
  options.surface_tolerances = {1, 1.0000001};
  const Evaluation evaluation = evaluate_cases(five_slices(), 2, options);
  EXPECT_TRUE(evaluation.has("nsd_1_patients"));
  EXPECT_TRUE(evaluation.has("nsd_1.0000001_patients"));
  EXPECT_NE(evaluation.patients.column("nsd_1px"), evaluation.patients.column("nsd_1.0000001px"));
}

/// A missed lesion costs the diagonal; the mean never gains by it.
TEST(Segmentation, AMissedLesionWorsensEverySurfaceMean) {
  SegmentationOptions options;
  options.surface_distances = "always";
  std::vector<Case> cases = five_slices();
  const Evaluation before = evaluate_cases(cases, 2, options);
  for (size_t i = 0; i < 2; ++i) cases[i].prediction = mask_of({"00", "00"});  // patient a
  const Evaluation after = evaluate_cases(cases, 2, options);
  const double diagonal = std::hypot(2, 2, 2);
  EXPECT_DOUBLE_EQ(after.value("hd95_patients") - before.value("hd95_patients"),
                   (diagonal - std::stod(before.patients.rows[0][before.patients.column("hd95_px")])) / 2);
  EXPECT_GT(after.value("assd_patients"), before.value("assd_patients"));
  EXPECT_LT(after.value("nsd_1_patients"), before.value("nsd_1_patients"));
  for (const char* name : {"hd95_patients", "assd_patients", "nsd_1_patients"}) {
    EXPECT_EQ(after.metric(name).count, 2) << name;
    EXPECT_EQ(after.metric(name).missed, 1) << name;
    EXPECT_EQ(after.metric(name).one_empty, 1) << name;
  }
  EXPECT_EQ(after.patients.header.back(), "surfaces");
  EXPECT_EQ(after.patients.rows[0].back(), "one");
  EXPECT_EQ(after.patients.rows[1].back(), "both");
  EXPECT_EQ(after.patients.rows[0][after.patients.column("hd95_px")], csv_number(diagonal));
  EXPECT_EQ(after.patients.rows[0][after.patients.column("nsd_2px")], "0");
}

TEST(Segmentation, LargestLesionIsShown) {
  const Evaluation evaluation = evaluate_cases(five_slices(), 5);
  ASSERT_EQ(evaluation.largest_lesions.size(), 2u);
  EXPECT_EQ(evaluation.largest_lesions[0].key, (CaseKey{"a", "", 1}));
  EXPECT_EQ(evaluation.largest_lesions[1].key, (CaseKey{"b", "", 1}));
  EXPECT_EQ(evaluation.largest_lesions[0].prediction.bytes, mask_of({"10", "00"}).bytes);
  EXPECT_EQ(evaluation.largest_lesions[0].truth.bytes, mask_of({"11", "00"}).bytes);
}

TEST(Segmentation, OnlyEmptyMasks) {
  const Evaluation evaluation = evaluate_cases({{{"a", "", 1}, mask_of({"00"}), mask_of({"00"})}}, 1);
  for (const char* name : {"dice_patients", "dice_all_slices", "dice_pooled", "dice_batches", "iou_patients"})
    EXPECT_EQ(evaluation.value(name), 1) << name;
  for (const char* name : {"dice_positive_slices", "sensitivity_patients", "precision_patients"}) {
    EXPECT_TRUE(std::isnan(evaluation.value(name))) << name;
    EXPECT_EQ(evaluation.metric(name).count, 0) << name;
  }
  EXPECT_TRUE(std::isnan(evaluation.metric("dice_patients").low));  // too few patients for an interval
}

TEST(Segmentation, IntervalsResamplePatients) {
  std::vector<Case> cases = five_slices();
  cases.push_back({{"c", "", 1}, mask_of({"11", "00"}), mask_of({"11", "10"})});
  cases.push_back({{"d", "", 1}, mask_of({"11", "11"}), mask_of({"11", "00"})});
  cases.push_back({{"e", "", 1}, mask_of({"10", "00"}), mask_of({"10", "00"})});
  const Evaluation evaluation = evaluate_cases(cases, 3);
  const std::vector<double> dice = {0.4, 8.0 / 9, 0.8, 2.0 / 3, 1};
  const Interval expected = bootstrap_mean(dice);
  EXPECT_NEAR(evaluation.metric("dice_patients").low, expected.low, 1e-12);
  EXPECT_NEAR(evaluation.metric("dice_patients").high, expected.high, 1e-12);
  EXPECT_LT(evaluation.metric("dice_positive_slices").low, evaluation.value("dice_positive_slices"));
  EXPECT_TRUE(std::isnan(evaluation.metric("dice_batches").low));
}

TEST(Segmentation, OrderOfBatchesDoesNotMatterExceptForBatches) {
  std::vector<Case> cases = five_slices(), reversed(cases.rbegin(), cases.rend());
  for (const bool largest : {false, true}) {
    SegmentationOptions options;
    options.largest_component = largest;
    const Evaluation forward = evaluate_cases(cases, 1, options), backward = evaluate_cases(reversed, 3, options);
    EXPECT_EQ(to_csv(forward.patients), to_csv(backward.patients));
    EXPECT_EQ(to_csv(forward.slices), to_csv(backward.slices));
  }
}

TEST(Segmentation, LargestComponentDropsSpecksOfTheVolume) {
  const std::vector<Case> cases = {{{"a", "", 1}, mask_of({"1100"}), mask_of({"1101"})},
                                   {{"a", "", 2}, mask_of({"1100"}), mask_of({"1100"})},
                                   {{"a", "", 3}, mask_of({"0000"}), mask_of({"0001"})}};
  SegmentationOptions options;
  options.largest_component = true;
  for (const size_t batch : {1, 2, 3}) {
    EXPECT_LT(evaluate_cases(cases, batch).value("dice_patients"), 1);
    EXPECT_EQ(evaluate_cases(cases, batch, options).value("dice_patients"), 1);
  }
}

TEST(Segmentation, ScoresAtTheSourcesSize) {
  const Image truth = mask_of({"11110000", "11110000", "11110000", "11110000"});  // 8 x 4, padded by two rows above and below
  const MemorySource source({{{"a", "", 1}, truth, truth}});
  const auto evaluator = make_segmentation({}, 1)->make_evaluator(source);
  at::Tensor probabilities = at::zeros({1, 1, 4, 4});  // the 8 x 8 square at half size
  probabilities.index_put_({0, 0, at::indexing::Slice(1, 3), at::indexing::Slice(0, 2)}, 1);
  Batch batch;
  batch.keys = {{"a", "", 1}};
  batch.shape = {1, 1, 4, 4};
  batch.source_labels = {truth};
  evaluator->add(batch, probabilities);
  const Evaluation evaluation = evaluator->finish();
  EXPECT_EQ(evaluation.largest_lesions[0].prediction.size, truth.size);
  EXPECT_EQ(evaluation.value("dice_patients"), 1);
}

TEST(Segmentation, TargetsAndProbabilities) {
  std::vector<uint8_t> labels = {0, 1, 2, 255};
  Batch batch;
  batch.keys = {{"a", "", 7}};
  batch.shape = {1, 3, 2, 2};
  batch.label = labels.data();
  const auto binary = make_segmentation({}, 1), classes = make_segmentation({}, 3);
  const at::Tensor target = binary->encode_target(batch);
  EXPECT_EQ(target.sizes().vec(), (std::vector<int64_t>{1, 1, 2, 2}));
  EXPECT_TRUE(at::equal(target.flatten(), at::tensor({0.0f, 1.0f, 1.0f, 1.0f})));
  labels[3] = 0;
  EXPECT_TRUE(at::equal(classes->encode_target(batch), at::tensor({0, 1, 2, 0}, at::kLong).reshape({1, 2, 2})));
  const at::Tensor logits = at::randn({2, 3, 2, 2});
  EXPECT_TRUE(at::allclose(binary->activate(logits), logits.sigmoid()));
  EXPECT_TRUE(at::allclose(classes->activate(logits).sum(1), at::ones({2, 2, 2})));
}

TEST(Segmentation, ClassesAreAveraged) {
  const Image truth = mask_of({"112", "000"}), other = mask_of({"000", "011"});
  const MemorySource source({{{"a", "", 1}, truth, truth}, {{"b", "", 1}, other, other}});
  const auto task = make_segmentation({}, 3);
  const auto evaluator = task->make_evaluator(source);
  const auto one_hot = [](const Image& map) {
    const at::Tensor labels =
        at::from_blob(const_cast<uint8_t*>(map.data<uint8_t>()), {map.height(), map.width()}, at::kByte).to(at::kLong);
    return at::one_hot(labels, 3).permute({2, 0, 1}).to(at::kFloat);
  };
  Batch batch;
  batch.keys = {{"a", "", 1}, {"b", "", 1}};
  batch.shape = {2, 3, 2, 3};
  batch.source_labels = {truth, other};
  evaluator->add(batch, at::stack({one_hot(mask_of({"110", "000"})), one_hot(mask_of({"000", "021"}))}));
  const Evaluation evaluation = evaluator->finish();
  EXPECT_DOUBLE_EQ(evaluation.value("dice_patients.1"), (1 + 2.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(evaluation.value("dice_patients.2"), 0);  // missed in a, false alarm in b
  EXPECT_DOUBLE_EQ(evaluation.value("dice_patients"), 5.0 / 12);
  EXPECT_DOUBLE_EQ(evaluation.value("dice_positive_slices"), (5.0 / 6 + 0) / 2);
  EXPECT_EQ(evaluation.metric("dice_positive_slices").count, 3);
  EXPECT_EQ(evaluation.metric("dice_positive_slices").missed, 1);
  EXPECT_EQ(evaluation.patients.header[3], "class");
  EXPECT_EQ(evaluation.patients.rows.size(), 4u);
  EXPECT_EQ(task->metric_names().back(), "dice_patients.2");
}

TEST(SegmentationGolden, ReductionsOfOtherLibraries) {
  const auto file = larmor::testing::golden_file("metrics.json");
  LARMOR_NEEDS(file, "metrics.json");
  const nlohmann::json golden = testing::read_json(file)["batch_2d"];
  std::map<std::string, at::Tensor> masks;
  for (const auto& [name, tensor] : load_tensors(larmor::testing::golden_file("metrics.safetensors"))) masks[name] = tensor;
  std::vector<Case> cases;
  const auto image_of = [](const at::Tensor& mask) {
    Image image = Image::make({mask.size(1), mask.size(0), 1}, 1, imaging::PixelType::u8);
    std::memcpy(image.bytes.data(), mask.contiguous().const_data_ptr<uint8_t>(), image.bytes.size());
    return image;
  };
  for (int64_t i = 0; i < masks.at("batch.gt").size(0); ++i) {
    cases.push_back({{"a", "", i}, image_of(masks.at("batch.gt")[i]), image_of(masks.at("batch.pred")[i])});
  }
  const Evaluation evaluation = evaluate_cases(cases, cases.size());
  const auto expected = [&](const char* path) { return testing::number(golden.at(nlohmann::json::json_pointer(path))); };
  constexpr double kSinglePrecision = 1e-6;
  testing::expect_close(evaluation.value("dice_pooled"), expected("/smp/f1_score/micro.zero_division_1.0"), kSinglePrecision, "pooled");
  testing::expect_close(evaluation.value("dice_batches"), expected("/smp/f1_score/micro.zero_division_1.0"), kSinglePrecision, "one batch");
  testing::expect_close(evaluation.value("dice_patients"), expected("/smp/f1_score/micro.zero_division_1.0"), kSinglePrecision,
                        "one patient");
  testing::expect_close(evaluation.value("iou_patients"), expected("/smp/iou_score/micro.zero_division_1.0"), kSinglePrecision,
                        "one patient");
  testing::expect_close(evaluation.value("dice_all_slices"), expected("/smp/f1_score/micro-imagewise.zero_division_1.0"), kSinglePrecision,
                        "all slices");
  testing::expect_close(evaluation.value("dice_all_slices"), expected("/monai_dice.ignore_empty_False/mean"), kSinglePrecision,
                        "all slices");
  testing::expect_close(evaluation.value("dice_positive_slices"), expected("/monai_dice.ignore_empty_True/mean"), kSinglePrecision,
                        "positive slices");
}

std::vector<Case> random_cases() {
  const auto pixels = rc::gen::container<std::vector<uint8_t>>(6, rc::gen::element<uint8_t>(0, 0, 1));
  std::vector<Case> cases;
  for (const char* subject : {"a", "b", "c"}) {
    for (int64_t slice = 1; slice <= 2; ++slice) {
      Image truth = mask_of({"000", "000"}), prediction = truth;
      const std::vector<uint8_t> t = *pixels, p = *pixels;
      std::copy(t.begin(), t.end(), truth.data<uint8_t>());
      std::copy(p.begin(), p.end(), prediction.data<uint8_t>());
      cases.push_back({{subject, "", slice}, truth, prediction});
    }
  }
  return cases;
}

/// Losing every predicted pixel of a lesion must not raise any aggregate of Dice.
RC_GTEST_PROP(SegmentationLaws, MissingALesionNeverHelps, ()) {
  SegmentationOptions options;
  options.bootstrap = 1;
  std::vector<Case> cases = random_cases();
  const Evaluation before = evaluate_cases(cases, 2, options);
  Case& victim = cases[*rc::gen::inRange<size_t>(0, cases.size())];
  const bool has_lesion = std::count(victim.truth.bytes.begin(), victim.truth.bytes.end(), std::byte{1}) > 0;
  const bool has_overlap = [&] {
    for (int64_t i = 0; i < victim.truth.voxels(); ++i) {
      if (victim.truth.data<uint8_t>()[i] && victim.prediction.data<uint8_t>()[i]) return true;
    }
    return false;
  }();
  RC_PRE(has_lesion);
  const auto missed_before = before.metric("dice_positive_slices").missed;
  // a miss keeps the false positives: only what was right is lost
  for (int64_t i = 0; i < victim.truth.voxels(); ++i) {
    if (victim.truth.data<uint8_t>()[i]) victim.prediction.data<uint8_t>()[i] = 0;
  }
  const Evaluation after = evaluate_cases(cases, 2, options);
  for (const char* name : {"dice_patients", "dice_positive_slices", "dice_all_slices", "dice_pooled", "dice_batches", "iou_patients",
                           "sensitivity_patients", "precision_patients"}) {
    RC_ASSERT(after.metric(name).count == before.metric(name).count);
    RC_ASSERT(after.value(name) <= before.value(name) + 1e-12);
  }
  RC_ASSERT(after.metric("dice_positive_slices").missed == missed_before + (has_overlap ? 1 : 0));
}

TEST(SegmentationErrors, WholeMessages) {
  const Image truth = mask_of({"01"});
  const MemorySource source({{{"a", "", 7}, truth, truth}});
  const auto task = make_segmentation({}, 1);
  Batch batch;
  batch.keys = {{"a", "", 7}};
  batch.shape = {1, 1, 1, 2};
  batch.source_labels = {Image{}};
  EXPECT_EQ(testing::message_of([&] {
              task->make_evaluator(source)->add(batch, at::zeros({1, 1, 1, 2}));
            }),
            "a:7: has no mask to score against");
  batch.source_labels = {truth};
  EXPECT_EQ(testing::message_of([&] {
              task->make_evaluator(source)->add(batch, at::full({1, 1, 1, 2}, std::nan("")));
            }),
            "a:7: the network's output is not finite: its weights have diverged, or the input holds NaN");
  std::vector<uint8_t> labels = {0, 3};
  batch.label = labels.data();
  EXPECT_EQ(testing::message_of([&] { make_segmentation({}, 3)->encode_target(batch); }),
            "a:7: its mask has class 3, but the network has 3 classes (0 to 2)");
  Problems problems;
  registry().at("segmentation").resolve(parse_yaml("{threshold: 1.5, treshold: 1}", "r.yaml"), problems, "task_options.");
  EXPECT_EQ(problems.lines().size(), 2u);
  EXPECT_EQ(testing::message_of([] { registry().at("segmentatoin"); }),
            "unknown task 'segmentatoin'; nearest: 'segmentation' (larmor list tasks)");
}

}  // namespace
}  // namespace larmor::eval
