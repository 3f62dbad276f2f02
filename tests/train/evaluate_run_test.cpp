#include "train/evaluate_run.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_run.h"
#include "train/checkpoint.h"

namespace larmor::train {
namespace {

namespace fs = std::filesystem;
using larmor::testing::tiny_patient;

std::string message_of(const EvaluateRequest& request) {
  try {
    evaluate_run(request);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

class EvaluateRunSlow : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = larmor::testing::make_temporary_folder("evaluate");
    larmor::testing::write_tiny_lgg(folder_ / "data", 5, 3, 40);
    recipe_ = larmor::testing::tiny_recipe(folder_ / "data");
    larmor::testing::write_tiny_run(folder_ / "a", recipe_, 1);
    larmor::testing::write_tiny_run(folder_ / "b", recipe_, 2);
  }
  static EvaluateRequest request_for(std::vector<std::string> runs) {
    EvaluateRequest request;
    for (const std::string& run : runs) request.weights.push_back((folder_ / run).string());
    return request;
  }
  static inline fs::path folder_;
  static inline std::string recipe_;
};

TEST_F(EvaluateRunSlow, ScoresTheValidationSide) {
  EvaluateRequest request = request_for({"a"});
  request.tta = {"none", "flip"};
  std::vector<std::string> progress;
  request.on_progress = [&](const std::string& tta, int64_t done, int64_t total) {
    progress.push_back(tta + " " + std::to_string(done) + "/" + std::to_string(total));
  };
  const Evaluated evaluated = evaluate_run(request);
  const eval::Results& results = evaluated.results;
  EXPECT_EQ(progress, (std::vector<std::string>{"none 4/6", "none 6/6", "flip 4/6", "flip 6/6"}));
  EXPECT_EQ(results.patients, 2);
  EXPECT_EQ(results.slices, 6);
  EXPECT_EQ(results.slices_positive, 4);
  EXPECT_EQ(results.split, "validation");
  EXPECT_FALSE(results.leaks);
  ASSERT_EQ(results.scored.size(), 2u);
  EXPECT_EQ(results.scored[1].options.tta, "flip");
  EXPECT_EQ(results.scored[0].evaluation.patients.rows[0][0], tiny_patient(2));
  EXPECT_EQ(results.scored[0].evaluation.metric("dice_positive_slices").count, 4);
  EXPECT_EQ(evaluated.source->name(), "lgg");
}

TEST_F(EvaluateRunSlow, OtherSides) {
  EvaluateRequest request = request_for({"a"});
  request.split = "test";
  EXPECT_EQ(evaluate_run(request).results.scored[0].evaluation.patients.rows[0][0], tiny_patient(4));
  request.split = "train";
  EXPECT_EQ(evaluate_run(request).results.patients, 2);
}

TEST_F(EvaluateRunSlow, EnsembleOfTwinsIsTheTwin) {
  const auto single = evaluate_run(request_for({"a"})), twins = evaluate_run(request_for({"a", "a"})),
             mixed = evaluate_run(request_for({"a", "b"}));
  EXPECT_EQ(to_csv(single.results.scored[0].evaluation.slices), to_csv(twins.results.scored[0].evaluation.slices));
  EXPECT_EQ(mixed.results.weights.size(), 2u);
}

TEST_F(EvaluateRunSlow, OptionsReplaceTheRecipes) {
  EvaluateRequest request = request_for({"a"});
  request.threshold = 0;
  request.largest_component = true;
  request.batch = 1;
  const eval::Results results = evaluate_run(request).results;
  EXPECT_EQ(results.threshold, 0);
  EXPECT_TRUE(results.largest_component);
  EXPECT_EQ(results.scored[0].evaluation.metric("dice_batches").count, 6);
  EXPECT_EQ(results.scored[0].evaluation.value("sensitivity_patients"), 1);  // at threshold 0 everything is inside
}

TEST_F(EvaluateRunSlow, DataMayLieElsewhere) {
  fs::copy(folder_ / "data", folder_ / "moved", fs::copy_options::recursive);
  EvaluateRequest request;
  request.weights = {(folder_ / "a/checkpoints/best.safetensors").string()};
  request.data_root = (folder_ / "moved").string();
  EXPECT_EQ(to_csv(evaluate_run(request).results.scored[0].evaluation.slices),
            to_csv(evaluate_run(request_for({"a"})).results.scored[0].evaluation.slices));
}

TEST_F(EvaluateRunSlow, MessagesOfErrors) {
  EvaluateRequest request = request_for({"a"});
  request.split = "valid";
  EXPECT_EQ(message_of(request), "--split: unknown side 'valid'; nearest: 'validation'");
  larmor::testing::write_tiny_run(folder_ / "no_test", replaced(recipe_, ", test: [" + tiny_patient(4) + "]", ""), 1);
  request = request_for({"no_test"});
  request.split = "test";
  EXPECT_EQ(message_of(request), "--split test: this recipe's split has no test side (data.split)");
}

TEST_F(EvaluateRunSlow, HoldOutIsASideOfItsOwn) {
  const std::string test = "test: [" + tiny_patient(4) + "]", hold_out = "hold_out: [" + tiny_patient(4) + "]";
  larmor::testing::write_tiny_run(folder_ / "held", replaced(recipe_, test, hold_out), 1);
  EvaluateRequest request = request_for({"held"});
  request.split = "hold_out";
  const eval::Results results = evaluate_run(request).results;
  EXPECT_EQ(results.split, "hold_out");
  EXPECT_EQ(results.scored[0].evaluation.patients.rows[0][0], tiny_patient(4));
  request.split = "test";
  EXPECT_EQ(message_of(request), "--split test: this recipe's split has no test side (data.split)");
}

TEST_F(EvaluateRunSlow, SurfaceDistancesUnlessSwitchedOff) {
  const eval::Results results = evaluate_run(request_for({"a"})).results;
  EXPECT_EQ(results.surface_elements, "surfels");
  EXPECT_EQ(results.scored[0].evaluation.metric("hd95_patients").unit, "px");
  EXPECT_EQ(results.scored[0].evaluation.metric("hd95_patients").count, 2);
  EvaluateRequest request = request_for({"a"});
  request.surface_tolerances = {"0.5", "3"};
  EXPECT_TRUE(evaluate_run(request).results.scored[0].evaluation.has("nsd_0.5_patients"));
  request.surface_tolerances = {"wide"};
  EXPECT_EQ(message_of(request), "--surface-tolerances: surface_tolerances: entry 1: 'wide' is not a number");
  request = request_for({"a"});
  request.surface_distances = "never";
  const eval::Results without = evaluate_run(request).results;
  EXPECT_EQ(without.surface_elements, "");
  EXPECT_FALSE(without.scored[0].evaluation.has("hd95_patients"));
}

TEST_F(EvaluateRunSlow, LesionsUnlessSwitchedOff) {
  const eval::Results results = evaluate_run(request_for({"a"})).results;
  ASSERT_TRUE(results.lesions.has_value());
  EXPECT_EQ(results.lesions->smallest_voxels, 1);
  EXPECT_EQ(results.scored[0].evaluation.metric("lesion_sensitivity").count, 2);
  EXPECT_FALSE(results.scored[0].evaluation.lesions.header.empty());
  EvaluateRequest request = request_for({"a"});
  request.lesion_overlap = 0.5;
  request.smallest_lesion = 5000;
  const eval::Results strict = evaluate_run(request).results;
  EXPECT_EQ(strict.lesions->overlap, 0.5);
  EXPECT_EQ(strict.scored[0].evaluation.metric("lesion_sensitivity").count, 0);
  request.smallest_lesion = -1;
  EXPECT_EQ(message_of(request), "--smallest-lesion: smallest_lesion: -1 is not allowed; must be >= 1");
  request = request_for({"a"});
  request.smallest_lesion_mm3 = 2;
  EXPECT_EQ(message_of(request), tiny_patient(2) +
                                     ":1: has no spacing, so that its lesions have no volume in mm³: give task.smallest_lesion in voxels "
                                     "(--smallest-lesion) in the place of task.smallest_lesion_mm3");
  request = request_for({"a"});
  request.detection = "never";
  const eval::Results without = evaluate_run(request).results;
  EXPECT_FALSE(without.lesions.has_value());
  EXPECT_FALSE(without.scored[0].evaluation.has("lesion_sensitivity"));
}

TEST_F(EvaluateRunSlow, TypesWhereTheTaskHasALabel) {
  const std::string recipe = replaced(recipe_, "encoder_depth: 3}", "encoder_depth: 3, aux_classes: 2}");
  const auto with_classes = [&](const std::string& classes) {
    return recipe + "task: {name: segmentation, label: age_at_initial_pathologic, label_classes: [" + classes + "]}\n";
  };
  larmor::testing::write_tiny_run(folder_ / "types", with_classes("49, 50"), 1);
  EvaluateRequest request = request_for({"types"});
  request.tta = {"none", "hflip"};
  const eval::Results results = evaluate_run(request).results;
  EXPECT_EQ(results.label, "age_at_initial_pathologic");
  for (const eval::ScoredPredictor& scored : results.scored) {
    EXPECT_EQ(scored.evaluation.metric("type_accuracy").count, 2);
    EXPECT_EQ(scored.evaluation.types.counts[1][0] + scored.evaluation.types.counts[1][1], 2);
  }
  larmor::testing::write_tiny_run(folder_ / "turned", with_classes("50, 49"), 2);
  request = request_for({"types", "turned"});
  request.split = "test";
  EXPECT_EQ(message_of(request), "ensemble: " + (folder_ / "turned/checkpoints/best.safetensors").string() +
                                     " tells other labels (age_at_initial_pathologic: 50, 49) than " +
                                     (folder_ / "types/checkpoints/best.safetensors").string() +
                                     " (age_at_initial_pathologic: 49, 50): task.label, task.label_classes");
  larmor::testing::write_tiny_run(folder_ / "unknown", with_classes("48, 49"), 2);
  request = request_for({"unknown"});
  EXPECT_EQ(message_of(request), "subject " + tiny_patient(0) +
                                     ": its age_at_initial_pathologic '50' is none of task.label_classes (48, 49); add it there and to "
                                     "model.aux_classes, or leave the subject out (data.exclude)");
  request.no_label = true;
  const eval::Results without = evaluate_run(request).results;
  EXPECT_EQ(without.label, "");
  EXPECT_FALSE(without.scored[0].evaluation.has("type_accuracy"));
}

TEST_F(EvaluateRunSlow, GroupsOfPatientsAreRefusedBeforeTheWork) {
  EvaluateRequest request = request_for({"a"});
  request.group_by = "grade";
  bool has_begun = false;
  request.on_progress = [&](const std::string&, int64_t, int64_t) { has_begun = true; };
  EXPECT_EQ(message_of(request), "--group-by: unknown column 'grade'; allowed: Patient, age_at_initial_pathologic");
  EXPECT_FALSE(has_begun);
}

TEST_F(EvaluateRunSlow, GroupsOfPatients) {
  fs::copy(folder_ / "data", folder_ / "with_table", fs::copy_options::recursive);
  write_file_atomically(folder_ / "with_table/data.csv", "Patient,grade\n" + tiny_patient(2) + ",1\n" + tiny_patient(3) + ",2\n");
  EvaluateRequest request = request_for({"a"});
  request.data_root = (folder_ / "with_table").string();
  request.group_by = "grade";
  request.tta = {"none", "flip"};
  const eval::Results results = evaluate_run(request).results;
  EXPECT_EQ(results.group_by, "grade");
  for (const eval::ScoredPredictor& scored : results.scored) {
    ASSERT_EQ(scored.groups.size(), 2U);
    EXPECT_EQ(scored.groups[1].group, "2");
    EXPECT_EQ(scored.groups[1].metrics[0].count, 1);
    EXPECT_EQ(scored.groups[1].metrics[0].value, std::stod(scored.evaluation.patients.rows[1][scored.evaluation.patients.column("dice")]));
  }
  const CsvTable table = eval::group_table(results);
  EXPECT_EQ(table.rows.size(), 2U * 2 * 2);  // augmentations, groups, metrics
}

TEST_F(EvaluateRunSlow, PreparedSlicesAreToldApart) {
  EXPECT_EQ(evaluate_run(request_for({"a"})).results.preprocess, "none");
  larmor::testing::write_tiny_run(
      folder_ / "prepared",
      replaced(recipe_, "  size: 32\n", "  size: 32\n  normalise: {kind: unit}\n  preprocess: {kind: buda, size: 32}\n"), 1);
  const eval::Results results = evaluate_run(request_for({"prepared"})).results;
  EXPECT_EQ(results.preprocess, "buda");
  EXPECT_EQ(results.slices, 2);  // without the first and the last of each patient
}

/// Members of a cross-validation have seen each other's validation patients.
TEST_F(EvaluateRunSlow, EnsembleIsRefusedOnPatientsThatAMemberHasSeen) {
  const std::string other = replaced(replaced(recipe_, "train: [" + tiny_patient(0), "train: [" + tiny_patient(2)),
                                     "validation: [" + tiny_patient(2), "validation: [" + tiny_patient(0));
  larmor::testing::write_tiny_run(folder_ / "fold1", other, 1);
  EvaluateRequest request = request_for({"a", "fold1"});
  EXPECT_EQ(message_of(request), "subject " + tiny_patient(2) + " was used to train " +
                                     (folder_ / "fold1/checkpoints/best.safetensors").string() +
                                     "; an ensemble is scored on patients that none of its members has seen (--split test or hold_out)");
  request.split = "test";
  EXPECT_EQ(message_of(request), "no error");
}

/// A single network too: its file tells what it was trained on, whatever the split of the data in hand says.
TEST_F(EvaluateRunSlow, ANetworkIsNotScoredOnPatientsThatItHasSeen) {
  larmor::testing::write_tiny_run(folder_ / "seen", recipe_, 1);
  const fs::path best = folder_ / "seen/checkpoints/best.safetensors";
  Weights weights = load_weights(best);
  weights.data = {.source = "lgg", .fingerprint = "f", .train = {tiny_patient(3)}, .validation = {tiny_patient(2)}};
  save_weights(best, weights);
  EvaluateRequest request = request_for({"seen"});
  EXPECT_EQ(message_of(request), "subject " + tiny_patient(3) + " was used to train " + best.string() +
                                     "; score it on patients that it has not seen, or on its --split train");
  weights.data.leaks = true;  // a leaking training, scored by a recipe that does not leak, and so would not be marked
  save_weights(best, weights);
  EXPECT_NE(message_of(request).find(" was used to train "), std::string::npos);
  request.split = "test";
  EXPECT_EQ(message_of(request), "no error");
}

TEST_F(EvaluateRunSlow, ChecksumsTellWhatWasScored) {
  const fs::path best = folder_ / "a/checkpoints/best.safetensors";
  EXPECT_EQ(evaluate_run(request_for({"a"})).results.checksums, std::vector<std::string>{checksum_of_file(best)});
}

TEST_F(EvaluateRunSlow, EnsembleMembersMustSeeTheSame) {
  larmor::testing::write_tiny_run(folder_ / "larger", replaced(recipe_, "size: 32", "size: 64"), 1);
  EXPECT_EQ(message_of(request_for({"a", "larger"})), "ensemble: " + (folder_ / "larger/checkpoints/best.safetensors").string() +
                                                          " sees other inputs than " +
                                                          (folder_ / "a/checkpoints/best.safetensors").string() + ": data.size: 32 → 64");
}

}  // namespace
}  // namespace larmor::train
