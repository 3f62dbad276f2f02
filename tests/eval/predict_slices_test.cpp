#include "eval/predict_slices.h"

#include <gtest/gtest.h>

#include "eval/segmentation.h"
#include "tests/eval/support.h"

namespace larmor::eval {
namespace {

using imaging::Image;
using testing::TinySegmenter;

Image picture(int64_t width, int64_t height, int seed) {
  Image image = Image::make({width, height, 1}, 3, imaging::PixelType::u8);
  for (int64_t i = 0; i < image.elements(); ++i) image.data<uint8_t>()[i] = static_cast<uint8_t>((i * 37 + seed * 101) % 251);
  return image;
}

SliceOptions unit_options(int64_t size, int64_t batch) {
  SliceOptions options{size, batch, {}};
  options.normalise.kind = "unit";
  return options;
}

/// logit = channel 0, by 1 x 1 weights inside 3 x 3 kernels.
std::shared_ptr<TinySegmenter> first_channel() {
  at::Tensor first = at::zeros({1, 3, 3, 3}), second = at::zeros({1, 1, 3, 3});
  first[0][0][1][1] = 1;
  second[0][0][1][1] = 1;
  return std::make_shared<TinySegmenter>(first, at::zeros({1}), second, at::zeros({1}));
}

TEST(PredictSlices, ValuesComeBackToTheirPixels) {
  const auto task = make_segmentation({}, 1);
  Predictor predictor({first_channel()}, *task, {}, at::kCPU);
  for (const auto& [width, height] : std::vector<std::pair<int64_t, int64_t>>{{16, 16}, {16, 9}, {7, 16}}) {
    const Image image = picture(width, height, 1);
    const std::vector<at::Tensor> found = predict_slices(predictor, {&image, 1}, unit_options(16, 4));
    ASSERT_EQ(found.size(), 1u);
    ASSERT_EQ(found[0].sizes().vec(), (std::vector<int64_t>{1, height, width}));
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const double value = image.data<uint8_t>()[3 * (y * width + x)] / 255.0;
        EXPECT_NEAR(found[0][0][y][x].item<double>(), 1 / (1 + std::exp(-value)), 1e-6);
      }
    }
  }
}

TEST(PredictSlices, BatchesAndSizesMix) {
  const auto task = make_segmentation({}, 1);
  Predictor predictor({TinySegmenter::random(3, 1, 5)}, *task, {"flip"}, at::kCPU);
  const std::vector<Image> images = {picture(16, 16, 1), picture(20, 11, 2), picture(9, 31, 3), picture(16, 16, 4), picture(5, 5, 5)};
  const std::vector<at::Tensor> alone = predict_slices(predictor, images, unit_options(16, 1));
  for (const int64_t batch : {2, 5, 9}) {
    std::vector<int64_t> progress;
    const std::vector<at::Tensor> together =
        predict_slices(predictor, images, unit_options(16, batch), [&](int64_t done) { progress.push_back(done); });
    ASSERT_EQ(together.size(), images.size());
    EXPECT_EQ(progress.back(), 5);
    for (size_t i = 0; i < images.size(); ++i) EXPECT_LE((together[i] - alone[i]).abs().max().item<double>(), 1e-6) << batch << " " << i;
  }
}

TEST(PredictSlices, MembersComeAtTheSizeOfTheirSlices) {
  const auto task = make_segmentation({}, 1);
  Predictor predictor({TinySegmenter::random(3, 1, 5)}, *task, {"flip"}, at::kCPU);
  const std::vector<Image> images = {picture(16, 16, 1), picture(20, 11, 2), picture(9, 31, 3)};
  SliceOptions options = unit_options(16, 2);
  std::vector<at::Tensor> sums(images.size());
  std::vector<int> members(images.size(), 0);
  options.on_member = [&](size_t slice, const at::Tensor& member) {
    sums[slice] = members[slice] == 0 ? member.clone() : sums[slice] + member;
    members[slice] += 1;
  };
  const std::vector<at::Tensor> found = predict_slices(predictor, images, options);
  EXPECT_EQ(members, (std::vector<int>{4, 4, 4}));
  for (size_t i = 0; i < images.size(); ++i) EXPECT_LE((sums[i] / 4 - found[i]).abs().max().item<double>(), 1e-6);
}

TEST(PredictSlices, NothingGivesNothing) {
  const auto task = make_segmentation({}, 1);
  Predictor predictor({TinySegmenter::random(3, 1, 5)}, *task, {}, at::kCPU);
  EXPECT_TRUE(predict_slices(predictor, {}, unit_options(16, 4)).empty());
}

TEST(PredictSlicesErrors, WholeMessages) {
  const auto task = make_segmentation({}, 1);
  const auto broken = TinySegmenter::random(3, 1, 5);
  broken->state_dict()[0].second.detach().fill_(std::nan(""));
  Predictor predictor({broken}, *task, {}, at::kCPU);
  const Image image = picture(16, 16, 1);
  EXPECT_EQ(testing::message_of([&] {
              predict_slices(predictor, {&image, 1}, unit_options(16, 4));
            }),
            "the network's output is not finite: its weights have diverged, or the input holds NaN");
}

}  // namespace
}  // namespace larmor::eval
