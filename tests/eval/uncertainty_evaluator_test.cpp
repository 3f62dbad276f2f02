#include "eval/uncertainty_evaluator.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "eval/decode.h"
#include "eval/evaluate.h"
#include "eval/segmentation.h"
#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using imaging::Image;
using testing::MemorySource;
using testing::TinySegmenter;

/// Volumes of 8 x 8 slices, some of two sessions, slices not in one run; a box of lesion from slice 2 on.
MemorySource source_of(bool has_spacing = false) {
  std::vector<datasets::RawSample> samples;
  for (const auto& [subject, session, slices] :
       std::vector<std::tuple<std::string, std::string, int64_t>>{{"a", "", 3}, {"b", "2020", 2}, {"b", "2021", 4}, {"c", "", 5}}) {
    for (int64_t slice = 1; slice <= slices; ++slice) {
      datasets::RawSample sample{
          {subject, session, slice}, Image::make({8, 8, 1}, 3, imaging::PixelType::u8), Image::make({8, 8, 1}, 1, imaging::PixelType::u8)};
      for (int64_t i = 0; i < 64; ++i) {
        for (int64_t c = 0; c < 3; ++c) sample.image.data<uint8_t>()[3 * i + c] = static_cast<uint8_t>((i * 37 + slice * 11 + c * 5) % 251);
        sample.label.data<uint8_t>()[i] = slice > 1 && i % 8 >= 2 && i % 8 < 6 && i / 8 > 2;
      }
      sample.label.geometry.has_spacing = has_spacing;
      sample.label.geometry.spacing_mm = {0.5, 0.5, 4};
      samples.push_back(std::move(sample));
    }
  }
  return MemorySource(std::move(samples));
}

std::unique_ptr<datasets::Loader> loader_of(const datasets::Source& source, int64_t batch) {
  std::vector<int64_t> indices(source.cases().size());
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<int64_t>(i);
  datasets::LoaderOptions options;
  options.batch = batch;
  options.workers = 1;
  options.size = 8;
  options.keep_source_labels = true;
  datasets::NormaliseOptions normalise;
  normalise.kind = "unit";
  return std::make_unique<datasets::Loader>(std::make_shared<datasets::SampleCache>(source, 1 << 20), source, indices, options, normalise,
                                            std::nullopt);
}

struct Scored {
  Evaluation evaluation;
  UncertaintyResults uncertainty;
};

Scored score(const datasets::Source& source, const std::string& tta, int64_t batch, bool largest_component = false) {
  SegmentationOptions options;
  options.largest_component = largest_component;
  const auto task = make_segmentation(options, 1);
  Predictor predictor({TinySegmenter::random(3, 1, 3)}, *task, {tta}, at::kCPU);
  UncertaintyEvaluator uncertainty(options.threshold, largest_component, source);
  const auto loader = loader_of(source, batch);
  EvaluateOptions given;
  given.uncertainty = &uncertainty;
  Scored scored{evaluate(predictor, *loader, *task, source, given), {}};
  scored.uncertainty = uncertainty.finish(scored.evaluation);
  return scored;
}

const ReviewRow& row_of(const UncertaintyResults& results, const std::string& name) {
  for (const ReviewRow& row : results.review) {
    if (row.name == name) return row;
  }
  throw std::runtime_error("no row " + name);
}

TEST(UncertaintyEvaluator, VolumesAreRowsWithTheirDice) {
  const Scored scored = score(source_of(), "d4", 4);
  ASSERT_EQ(scored.uncertainty.review.size(), 4u);
  EXPECT_EQ(scored.uncertainty.members, 8);
  EXPECT_EQ(row_of(scored.uncertainty, "b_2021").slices, 4);
  for (size_t i = 1; i < 4; ++i) EXPECT_GE(scored.uncertainty.review[i - 1].uncertainty, scored.uncertainty.review[i].uncertainty);
  const CsvTable& patients = scored.evaluation.patients;
  EXPECT_NEAR(row_of(scored.uncertainty, "a").dice.value(), std::stod(patients.rows[0][patients.column("dice")]), 1e-12);
  EXPECT_EQ(scored.uncertainty.pixels, 14 * 64);
}

/// The same as asking a predictor slice by slice and looking at its members with the eye.
TEST(UncertaintyEvaluator, AgreesWithThePlainWay) {
  const MemorySource source = source_of(true);
  const ReviewRow found = row_of(score(source, "flip", 5).uncertainty, "a");
  const auto task = make_segmentation({}, 1);
  Predictor predictor({TinySegmenter::random(3, 1, 3)}, *task, {"flip"}, at::kCPU);
  std::vector<int64_t> pixels(4, 0);
  int64_t predicted = 0;
  const auto loader = loader_of(source, 1);
  loader->start_epoch(0);
  for (int64_t slice = 0; slice < 3; ++slice) {
    const auto batch = loader->next();
    size_t member = 0;
    const Prediction prediction =
        predictor.predict(image_of(*batch), [&](const at::Tensor& p) { pixels[member++] += p.ge(0.5).sum().item<int64_t>(); });
    predicted += prediction.probabilities.ge(0.5).sum().item<int64_t>();
  }
  EXPECT_EQ(found.unit, "mm3");
  EXPECT_EQ(found.volume, static_cast<double>(predicted));  // voxels of 1 mm3
  EXPECT_EQ(found.volume_low, static_cast<double>(*std::min_element(pixels.begin(), pixels.end())));
  EXPECT_EQ(found.volume_high, static_cast<double>(*std::max_element(pixels.begin(), pixels.end())));
}

TEST(UncertaintyEvaluator, BatchesChangeNothing) {
  for (const bool largest_component : {false, true}) {
    const Scored one = score(source_of(), "flip", 1, largest_component), many = score(source_of(), "flip", 5, largest_component);
    EXPECT_EQ(to_csv(one.evaluation.slices), to_csv(many.evaluation.slices));
    for (const ReviewRow& row : one.uncertainty.review) {
      const ReviewRow& other = row_of(many.uncertainty, row.name);
      EXPECT_NEAR(row.uncertainty, other.uncertainty, 1e-5);
      EXPECT_EQ(row.volume, other.volume);
      EXPECT_EQ(row.volume_high, other.volume_high);
      EXPECT_EQ(row.dice, other.dice);
    }
    EXPECT_NEAR(one.uncertainty.calibration_error, many.uncertainty.calibration_error, 1e-5);
  }
}

/// The volume of the review is that of the masks that are scored.
TEST(UncertaintyEvaluator, CutsToTheLargestComponentLikeTheScore) {
  for (const bool largest_component : {false, true}) {
    const Scored scored = score(source_of(), "flip", 3, largest_component);
    const CsvTable& slices = scored.evaluation.slices;
    std::map<std::string, double> volumes;
    for (const std::vector<std::string>& row : slices.rows) {
      const std::string session = row[slices.column("session")];
      volumes[row[slices.column("patient")] + (session.empty() ? "" : "_" + session)] +=
          std::stod(row[slices.column("tp")]) + std::stod(row[slices.column("fp")]);
    }
    for (const auto& [name, volume] : volumes) EXPECT_EQ(row_of(scored.uncertainty, name).volume, volume) << name << largest_component;
  }
}

TEST(UncertaintyEvaluator, ScoresStayAsTheyAre) {
  const MemorySource source = source_of();
  const auto task = make_segmentation({}, 1);
  Predictor predictor({TinySegmenter::random(3, 1, 3)}, *task, {"d4"}, at::kCPU);
  const Evaluation plain = evaluate(predictor, *loader_of(source, 4), *task, source);
  EXPECT_EQ(to_csv(plain.slices), to_csv(score(source, "d4", 4).evaluation.slices));
}

TEST(UncertaintyEvaluator, TextAndJson) {
  UncertaintyResults results;
  results.review.resize(3);
  results.members = 1;
  results.pixels = 4096;
  results.calibration_error = 0.0125;
  results.bins.resize(15);
  results.bins[3].share = std::nan("");
  results.correlation = -0.5;
  const std::string rows =
      "  calibration error, 15 bins (ECE)       0.0125   –                 4096 pixels\n"
      "  Spearman, uncertainty and Dice        -0.5000   –                    3 cases\n";
  EXPECT_EQ(to_text(results),
            rows + "  one network and one view: entropy alone, for there is nobody to disagree (--tta, or several weights)\n");
  results.members = 8;
  EXPECT_EQ(to_text(results), rows);
  const nlohmann::json json = to_json(results);
  EXPECT_EQ(json["ece"], 0.0125);
  EXPECT_EQ(json["spearman"], -0.5);
  EXPECT_EQ(json["cases"], 3);
  EXPECT_TRUE(json["bins"][3]["share"].is_null());
  EXPECT_EQ(reliability_table(results).rows.size(), 15u);
}

}  // namespace
}  // namespace larmor::eval
