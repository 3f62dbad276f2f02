#include "eval/evaluate.h"

#include <gtest/gtest.h>

#include "eval/segmentation.h"
#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using testing::MemorySource;
using testing::TinySegmenter;

/// Three patients of two to four slices, 16 x 16, f32, whose mask is where channel 0 is bright.
MemorySource bright_spots() {
  std::vector<datasets::RawSample> samples;
  for (const auto& [subject, slices] : std::vector<std::pair<std::string, int64_t>>{{"a", 2}, {"b", 4}, {"c", 3}}) {
    for (int64_t slice = 1; slice <= slices; ++slice) {
      datasets::RawSample sample{{subject, "", slice},
                                 imaging::Image::make({16, 16, 1}, 3, imaging::PixelType::u8),
                                 imaging::Image::make({16, 16, 1}, 1, imaging::PixelType::u8)};
      for (int64_t i = 0; i < 256; ++i) {
        const bool inside = slice > 1 && i % 16 >= 4 && i % 16 < 4 + 2 * slice && i / 16 >= 5 && i / 16 < 10;
        for (int64_t c = 0; c < 3; ++c) sample.image.data<uint8_t>()[3 * i + c] = static_cast<uint8_t>(c == 0 && inside ? 255 : 10);
        sample.label.data<uint8_t>()[i] = inside;
      }
      samples.push_back(std::move(sample));
    }
  }
  return MemorySource(std::move(samples));
}

/// Answers with the brightness of channel 0: a perfect segmenter of the spots.
std::shared_ptr<TinySegmenter> bright_network() {
  at::Tensor first = at::zeros({1, 3, 3, 3}), second = at::zeros({1, 1, 3, 3});
  first[0][0][1][1] = 1;
  second[0][0][1][1] = 10;
  return std::make_shared<TinySegmenter>(first, at::zeros({1}), second, at::full({1}, -5.0));
}

std::unique_ptr<datasets::Loader> loader_of(const datasets::Source& source, int64_t batch, int64_t workers) {
  std::vector<int64_t> indices(source.cases().size());
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<int64_t>(i);
  datasets::LoaderOptions options;
  options.batch = batch;
  options.workers = workers;
  options.size = 16;
  options.keep_source_labels = true;
  datasets::NormaliseOptions normalise;
  normalise.kind = "unit";
  return std::make_unique<datasets::Loader>(std::make_shared<datasets::SampleCache>(source, 1 << 20), source, indices, options, normalise,
                                            std::nullopt);
}

TEST(Evaluate, SeesEveryCaseOnceInOrder) {
  const MemorySource source = bright_spots();
  const auto task = make_segmentation({}, 1);
  Predictor predictor({bright_network()}, *task, {}, at::kCPU);
  for (const int64_t batch : {1, 2, 4, 9, 20}) {
    const auto loader = loader_of(source, batch, 2);
    std::vector<datasets::CaseKey> seen;
    std::vector<int64_t> progress;
    EvaluateOptions options;
    options.on_prediction = [&](const datasets::Batch& given, const Prediction& prediction) {
      EXPECT_EQ(prediction.logits.size(0), given.count());
      EXPECT_FALSE(prediction.label_probabilities.defined());
      seen.insert(seen.end(), given.keys.begin(), given.keys.end());
    };
    options.on_progress = [&](int64_t done, int64_t total) {
      EXPECT_EQ(total, 9);
      progress.push_back(done);
    };
    const Evaluation evaluation = evaluate(predictor, *loader, *task, source, options);
    ASSERT_EQ(seen.size(), source.cases().size());
    for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], source.cases()[i].key);
    EXPECT_EQ(progress.back(), 9);
    EXPECT_EQ(evaluation.value("dice_patients"), 1);
    EXPECT_EQ(evaluation.metric("dice_all_slices").count, 9);
  }
}

TEST(Evaluate, TwiceGivesTheSame) {
  const MemorySource source = bright_spots();
  const auto task = make_segmentation({}, 1);
  Predictor predictor({TinySegmenter::random(3, 1, 3)}, *task, {"d4"}, at::kCPU);
  const auto loader = loader_of(source, 4, 2);
  const Evaluation first = evaluate(predictor, *loader, *task, source), second = evaluate(predictor, *loader, *task, source, {.epoch = 1});
  EXPECT_EQ(to_csv(first.patients), to_csv(second.patients));
  EXPECT_EQ(to_csv(first.slices), to_csv(second.slices));
  EXPECT_EQ(to_csv(first.slices), to_csv(evaluate(predictor, *loader_of(source, 4, 1), *task, source).slices));
}

TEST(Evaluate, RecordsNoGraph) {
  const MemorySource source = bright_spots();
  const auto task = make_segmentation({}, 1);
  Predictor predictor({bright_network()}, *task, {}, at::kCPU);
  const auto loader = loader_of(source, 4, 1);
  EvaluateOptions options;
  options.on_prediction = [](const datasets::Batch&, const Prediction& prediction) { EXPECT_FALSE(prediction.logits.requires_grad()); };
  evaluate(predictor, *loader, *task, source, options);
}

TEST(Evaluate, ProgressCanStopIt) {
  const MemorySource source = bright_spots();
  const auto task = make_segmentation({}, 1);
  Predictor predictor({bright_network()}, *task, {}, at::kCPU);
  const auto loader = loader_of(source, 2, 2);
  EvaluateOptions options;
  options.on_progress = [](int64_t, int64_t) { throw_run_error("stopped"); };
  EXPECT_EQ(testing::message_of([&] { evaluate(predictor, *loader, *task, source, options); }), "stopped");
}

}  // namespace
}  // namespace larmor::eval
