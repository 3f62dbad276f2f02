#include "eval/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/files.h"
#include "imaging/io.h"
#include "tests/eval/support.h"
#include "tests/support/golden.h"

namespace larmor::eval {
namespace {

namespace fs = std::filesystem;
using datasets::CaseKey;
using ::testing::HasSubstr;
using testing::mask_of;
using testing::MemorySource;
using ::testing::Not;

/// Patients a … by their Dice, each with one 8 x 8 slice.
Evaluation evaluation_of(const std::vector<double>& dice) {
  Evaluation evaluation;
  evaluation.metrics = {{"dice_patients", 0.75, 3, 1, 0.5, 0.875}, {"dice_batches", 0.5, 2, 0}};
  evaluation.patients.header = {"patient", "dice"};
  evaluation.slices.header = {"patient", "slice"};
  for (size_t i = 0; i < dice.size(); ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    evaluation.patients.rows.push_back({name, csv_number(dice[i])});
    evaluation.slices.rows.push_back({name, "4"});
    evaluation.largest_lesions.push_back(
        {{name, "", 4},
         mask_of({"00000000", "01110000", "01110000", "01110000", "00000000", "00000000", "00000000", "00000000"}),
         mask_of({"00000000", "00000000", "00111000", "00111000", "00111000", "00000000", "00000000", "00000000"})});
  }
  return evaluation;
}

MemorySource source_of(size_t patients) {
  std::vector<datasets::RawSample> samples;
  for (size_t i = 0; i < patients; ++i) {
    for (const int64_t slice : {4, 5}) {
      datasets::RawSample sample{{std::string(1, static_cast<char>('a' + i)), "", slice},
                                 imaging::Image::make({8, 8, 1}, 3, imaging::PixelType::u8),
                                 imaging::Image::make({8, 8, 1}, 1, imaging::PixelType::u8)};
      if (slice == 4) sample.label.data<uint8_t>()[9] = 1;
      samples.push_back(std::move(sample));
    }
  }
  return MemorySource(std::move(samples));
}

Results results_of(const std::vector<double>& dice) {
  Results results;
  results.weights = {"best.safetensors"};
  results.recipe = "lgg/x";
  results.split = "validation";
  results.scored.push_back({{"none"}, 1.5, evaluation_of(dice)});
  results.scored.push_back({{"d4"}, 9.25, evaluation_of(dice)});
  return results;
}

std::vector<std::string> ranks_of(const std::vector<double>& dice) {
  std::vector<std::string> ranks;
  for (const Overlay& overlay : choose_overlays(evaluation_of(dice))) ranks.push_back(overlay.rank + " " + overlay.key.subject);
  return ranks;
}

TEST(Results, BestMedianWorst) {
  EXPECT_EQ(ranks_of({0.3, 0.9, 0.7}), (std::vector<std::string>{"best b", "median c", "worst a"}));
  EXPECT_EQ(ranks_of({0.1, 0.2, 0.3, 0.4}), (std::vector<std::string>{"best d", "median b", "worst a"}));
  EXPECT_EQ(ranks_of({0.3, 0.9}), (std::vector<std::string>{"best b", "worst a"}));
  EXPECT_EQ(ranks_of({0.3}), (std::vector<std::string>{"best a"}));
  EXPECT_TRUE(ranks_of({}).empty());
}

TEST(Results, DataAreCounted) {
  Results results;
  describe_data(results, source_of(3), {0, 1, 2});
  EXPECT_EQ(results.patients, 2);
  EXPECT_EQ(results.slices, 3);
  EXPECT_EQ(results.slices_positive, 2);
  EXPECT_TRUE(results.is_phantom);
}

TEST(Results, TextNamesAggregatesCountsAndMisses) {
  Results results = results_of({0.3, 0.9});
  describe_data(results, source_of(2), {0, 1, 2, 3});
  const std::string text = to_text(results);
  EXPECT_THAT(text, HasSubstr("memory, 2 patients, 4 slices (2 with lesion), validation side   PHANTOM"));
  EXPECT_THAT(text, HasSubstr("tta none   1.5 s   (phantom)\n"));
  EXPECT_THAT(text, HasSubstr("tta d4, mean of probabilities   9.2 s"));
  EXPECT_THAT(text, HasSubstr("Dice (c) patients                      0.7500   [0.500, 0.875]       3 patients    1 missed\n"));
  EXPECT_THAT(text, HasSubstr("Dice (e) batches, as SMP prints it     0.5000   –"));
  results.is_phantom = false;
  EXPECT_THAT(to_text(results), Not(HasSubstr("hantom")));
  results.leaks = true;
  EXPECT_THAT(to_text(results), HasSubstr("LEAKING"));
}

TEST(Results, JsonHoldsEverything) {
  Results results = results_of({0.3, 0.9});
  describe_data(results, source_of(2), {0, 1});
  const nlohmann::json json = to_json(results);
  EXPECT_EQ(json["format"], "larmor-evaluation/1");
  EXPECT_EQ(json["data"]["phantom"], true);
  EXPECT_EQ(json["evaluations"].size(), 2u);
  EXPECT_EQ(json["evaluations"][1]["tta"], "d4");
  EXPECT_EQ(json["evaluations"][0]["metrics"][0]["value"], 0.75);
  EXPECT_EQ(json["evaluations"][0]["metrics"][0]["missed"], 1);
  EXPECT_TRUE(json["evaluations"][0]["metrics"][1]["low"].is_null());
  EXPECT_EQ(json["overlays"][0]["file"], "overlays/best_b_4.png");
  EXPECT_EQ(nlohmann::json::parse(json.dump()), json);
}

TEST(Results, DistancesSayTheirUnitAndRule) {
  Results results = results_of({0.3, 0.9});
  EXPECT_THAT(to_text(results), Not(HasSubstr("surface")));
  results.surface_elements = "surfels";
  for (ScoredPredictor& scored : results.scored) {
    scored.evaluation.metrics.push_back({"hd95_patients", 12.5, 3, 1, 10, 15, "px", 1});
    scored.evaluation.metrics.push_back({"nsd_2.5_patients.1", 0.5, 3, 1, 0.25, 0.75, "px", 1});
  }
  const std::string text = to_text(results);
  EXPECT_THAT(text, HasSubstr("surface  surfels (DeepMind's definition) in pixels, for the source stores no spacing; one mask empty: the "
                              "volume's diagonal, NSD 0; both empty: 0, NSD 1\n"));
  EXPECT_THAT(text, HasSubstr("HD95 in px, patients                  12.5000   [10.000, 15.000]     3 patients    1 missed    1 with one "
                              "mask empty\n"));
  EXPECT_THAT(text, HasSubstr("NSD at 2.5 px, patients, class 1"));
  const nlohmann::json json = to_json(results);
  EXPECT_EQ(json["surface_elements"], "surfels");
  EXPECT_EQ(json["evaluations"][0]["metrics"][2]["unit"], "px");
  EXPECT_EQ(json["evaluations"][0]["metrics"][2]["one_empty"], 1);
  EXPECT_FALSE(json["evaluations"][0]["metrics"][0].contains("unit"));
}

TEST(Results, LesionsSayWhatTheyAre) {
  Results results = results_of({0.3, 0.9});
  EXPECT_THAT(to_text(results), Not(HasSubstr("lesions  ")));
  EXPECT_FALSE(to_json(results).contains("lesions"));
  results.lesions = LesionOptions{};
  EXPECT_THAT(to_text(results), HasSubstr("lesions  face-connected components; found where any of its voxels is predicted\n"));
  results.lesions = LesionOptions{0.25, 3, 7.5};
  for (ScoredPredictor& scored : results.scored) {
    scored.evaluation.metrics.push_back({"lesion_sensitivity", 0.75, 8, 2, 0.5, 0.875});
    scored.evaluation.lesions = {{"patient", "outcome"}, {{"a", "hit"}}};
  }
  const std::string text = to_text(results);
  EXPECT_THAT(text, HasSubstr("lesions  face-connected components, from 3 voxels on, from 7.5 mm³ on; found where 25 % of its voxels are "
                              "predicted\n"));
  EXPECT_THAT(text, HasSubstr("sensitivity, lesions                   0.7500   [0.500, 0.875]       8 true lesions          2 missed\n"));
  const nlohmann::json json = to_json(results);
  EXPECT_EQ(json["lesions"], nlohmann::json::parse(R"({"overlap": 0.25, "smallest_voxels": 3, "smallest_mm3": 7.5})"));
  EXPECT_EQ(json["evaluations"][0]["metrics"][2]["name"], "lesion_sensitivity");
  const fs::path folder = larmor::testing::make_temporary_folder("lesions");
  write_results(folder, results, source_of(2));
  EXPECT_EQ(read_file(folder / "detections.csv"), "tta,patient,outcome\nnone,a,hit\nd4,a,hit\n");
  write_results(folder, results_of({0.3, 0.9}), source_of(2));
  EXPECT_FALSE(fs::exists(folder / "detections.csv"));
}

TEST(Results, TypesHaveTheirTable) {
  Results results = results_of({0.3, 0.9});
  EXPECT_FALSE(to_json(results).contains("label"));
  results.label = "tumour_type";
  for (ScoredPredictor& scored : results.scored) {
    scored.evaluation.metrics.push_back({"type_accuracy", 0.75, 4, 0, 0.3, 0.95});
    scored.evaluation.types = {{"x", "y"}, {{2, 1}, {0, 1}}};
  }
  const std::string text = to_text(results);
  EXPECT_THAT(text,
              HasSubstr("type     tumour_type: the mean of the probabilities of a patient's slices with predicted lesion, of all where "
                        "there is none\n"));
  EXPECT_THAT(text, HasSubstr("  type: accuracy                         0.7500   [0.300, 0.950]       4 patients     1 wrong\n"));
  const nlohmann::json json = to_json(results);
  EXPECT_EQ(json["label"], "tumour_type");
  EXPECT_EQ(json["evaluations"][1]["types"], nlohmann::json::parse(R"({"classes": ["x", "y"], "confusion": [[2, 1], [0, 1]]})"));
  const fs::path folder = larmor::testing::make_temporary_folder("types");
  write_results(folder, results, source_of(2));
  EXPECT_EQ(read_file(folder / "types.csv"),
            "tta,type_true,x,y,patients,sensitivity\n"
            "none,x,2,1,3,0.6666666666666666\n"
            "none,y,0,1,1,1\n"
            "d4,x,2,1,3,0.6666666666666666\n"
            "d4,y,0,1,1,1\n");
  write_results(folder, results_of({0.3, 0.9}), source_of(2));
  EXPECT_FALSE(fs::exists(folder / "types.csv"));
}

TEST(Results, GroupsStandBesideTheAugmentations) {
  Results results = results_of({0.3, 0.9});
  EXPECT_FALSE(to_json(results).contains("group_by"));
  results.group_by = "tumour_type";
  results.scored[0].groups = {{"", {{"dice_patients", 0.25, 1, 1}}}, {"neurinoma", {{"dice_patients", 0.5, 7, 0, 0.4, 0.6}}}};
  results.scored[1].groups = {{"", {{"dice_patients", 0.5, 1, 0}}}, {"neurinoma", {{"dice_patients", 0.75, 7, 0, 0.7, 0.8}}}};
  const std::string text = to_text(results);
  EXPECT_THAT(text, HasSubstr("Dice, patients by tumour_type\n"));
  EXPECT_THAT(text, HasSubstr("\n  (none)                          1     1/0   0.2500                     0.5000 "));
  EXPECT_THAT(text, HasSubstr("\n  neurinoma                       7     0/0   0.5000 [0.400, 0.600]      0.7500 [0.700, 0.800]   \n"));
  EXPECT_EQ(to_csv(group_table(results)),
            "tta,group,metric,unit,patients,missed,one_empty,value,low,high\n"
            "none,,dice_patients,,1,1,,0.25,,\n"
            "none,neurinoma,dice_patients,,7,0,,0.5,0.4,0.6\n"
            "d4,,dice_patients,,1,0,,0.5,,\n"
            "d4,neurinoma,dice_patients,,7,0,,0.75,0.7,0.8\n");
  const nlohmann::json json = to_json(results);
  EXPECT_EQ(json["group_by"], "tumour_type");
  EXPECT_EQ(json["evaluations"][1]["groups"][1]["group"], "neurinoma");
  EXPECT_EQ(json["evaluations"][1]["groups"][1]["metrics"][0]["count"], 7);
  const fs::path folder = larmor::testing::make_temporary_folder("groups");
  write_results(folder, results, source_of(2));
  EXPECT_EQ(read_file(folder / "groups.csv"), to_csv(group_table(results)));
  write_results(folder, results_of({0.3, 0.9}), source_of(2));
  EXPECT_FALSE(fs::exists(folder / "groups.csv"));
}

TEST(Results, GroupsTellHowOftenOneMaskIsEmpty) {
  Results results = results_of({0.3, 0.9});
  results.group_by = "grade";
  results.scored.pop_back();
  results.scored[0].groups = {{"2", {{"dice_patients", 0.5, 6, 2}, {"hd95_patients", 90, 6, 2, 50, 120, "mm", 3}}}};
  EXPECT_THAT(to_text(results), HasSubstr("\nHD95 in mm, patients by grade\n"
                                          "                           patients  missed  one mask empty   tta none                \n"
                                          "  2                               6       2               3   90.0000 [50.000, 120.000]\n"));
  EXPECT_EQ(to_csv(group_table(results)),
            "tta,group,metric,unit,patients,missed,one_empty,value,low,high\n"
            "none,2,dice_patients,,6,2,,0.5,,\n"
            "none,2,hd95_patients,mm,6,2,3,90,50,120\n");
  EXPECT_EQ(to_json(results)["evaluations"][0]["groups"][0]["metrics"][1]["one_empty"], 3);
}

TEST(Results, GroupsCannotSteerTheTerminal) {
  Results results = results_of({0.3, 0.9});
  results.group_by = "tumour_type";
  for (ScoredPredictor& scored : results.scored) scored.groups = {{"\x1b[2Jnone", {{"dice_patients", 0.5, 1, 0}}}};
  const std::string text = to_text(results);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("\\x1b[2Jnone"));
}

TEST(Results, PreparedSlicesAreNamed) {
  Results results = results_of({0.3, 0.9});
  EXPECT_THAT(to_text(results), HasSubstr("scored   at the source's size, threshold 0.5\n"));
  EXPECT_EQ(to_json(results)["data"]["preprocess"], "none");
  results.preprocess = "buda";
  results.surface_elements = "surfels";
  results.scored[0].evaluation.metrics.push_back({"hd95_patients", 12.5, 3, 1, 10, 15, "px", 1});
  const std::string text = to_text(results);
  EXPECT_THAT(text,
              HasSubstr("scored   as prepared by data.preprocess.kind buda, not at the source's size: what it cuts or leaves out is not "
                        "scored, threshold 0.5\n"));
  EXPECT_THAT(text, HasSubstr("in pixels of the prepared slices, whatever spacing the source stores; one mask empty"));
  EXPECT_EQ(to_json(results)["data"]["preprocess"], "buda");
}

TEST(Results, TablesCarryTheAugmentation) {
  EXPECT_EQ(to_csv(case_table(results_of({0.25, 0.5}))), "tta,patient,dice\nnone,a,0.25\nnone,b,0.5\nd4,a,0.25\nd4,b,0.5\n");
  EXPECT_EQ(to_csv(slice_table(results_of({0.25}))), "tta,patient,slice\nnone,a,4\nd4,a,4\n");
}

TEST(Results, FilesAreWritten) {
  const fs::path folder = larmor::testing::make_temporary_folder("results");
  const MemorySource source = source_of(3);
  write_results(folder / "new", results_of({0.3, 0.9, 0.7}), source);
  for (const char* file :
       {"evaluation.json", "cases.csv", "slices.csv", "overlays/best_b_4.png", "overlays/median_c_4.png", "overlays/worst_a_4.png"}) {
    EXPECT_TRUE(fs::exists(folder / "new" / file)) << file;
  }
  write_file_atomically(folder / "new/overlays/mine.png", "kept");
  write_results(folder / "new", results_of({0.9, 0.3, 0.7}), source);
  EXPECT_FALSE(fs::exists(folder / "new/overlays/best_b_4.png"));
  EXPECT_TRUE(fs::exists(folder / "new/overlays/best_a_4.png"));
  EXPECT_TRUE(fs::exists(folder / "new/overlays/mine.png"));
}

TEST(Results, OverlaysShowBothOutlines) {
  const fs::path folder = larmor::testing::make_temporary_folder("overlays");
  write_overlays(folder, evaluation_of({0.5}), source_of(1));
  const imaging::Image picture = imaging::read_image(folder / "best_a_4.png");
  constexpr int64_t kSide = 8;
  ASSERT_EQ(picture.width(), kSide);
  ASSERT_GT(picture.height(), kSide);  // the legend is below
  int white = 0, orange = 0;
  for (int64_t i = 0; i < kSide * kSide; ++i) {
    const uint8_t* p = picture.data<uint8_t>() + 3 * i;
    white += p[0] == 255 && p[1] == 255 && p[2] == 255;
    orange += p[0] == 230 && p[1] == 97 && p[2] == 0;
  }
  EXPECT_GT(white, 0);
  EXPECT_GT(orange, 0);
}

}  // namespace
}  // namespace larmor::eval
