#include "datasets/preprocess.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/datasets/support.h"
#include "tests/support/buda_golden.h"

namespace larmor::datasets {
namespace {

using imaging::Image;
using imaging::PixelType;
using larmor::testing::BudaGolden;
using larmor::testing::different_pixels;
using larmor::testing::largest_difference;
using testing::message_of;

/// Volumes given slice by slice; slices are numbered from 1.
class StackSource final : public Source {
 public:
  void add(const std::string& subject, const std::vector<Image>& images, const std::vector<Image>& masks) {
    studies_.push_back({subject, {}, {{"grade", "2"}}});
    for (size_t i = 0; i < images.size(); ++i) {
      studies_.back().cases.push_back(static_cast<int64_t>(cases_.size()));
      cases_.push_back({{subject, "", static_cast<int64_t>(i) + 1}, true, 0});
      Image mask = masks[i];
      for (std::byte& value : mask.bytes) value = value == std::byte{0} ? std::byte{0} : std::byte{1};
      samples_.push_back({cases_.back().key, images[i], mask});
    }
  }
  std::string name() const override { return "stack"; }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  const std::vector<Study>& studies() const override { return studies_; }
  int64_t channels() const override { return samples_.at(0).image.channels; }
  std::vector<std::string> channel_names() const override { return {"A", "B", "C"}; }
  RawSample load(int64_t index) const override { return samples_.at(static_cast<size_t>(index)); }
  const std::vector<Finding>& findings() const override { return findings_; }
  bool is_phantom() const override { return true; }
  std::string fingerprint() const override { return "stack"; }

 private:
  std::vector<CaseInfo> cases_;
  std::vector<Study> studies_;
  std::vector<RawSample> samples_;
  std::vector<Finding> findings_;
};

TEST(PreprocessGolden, EqualsTheStudysPreparation) {
  LARMOR_NEEDS(BudaGolden::file(), "buda.json");
  const BudaGolden golden;
  int64_t run = 0;
  for (const auto& one : golden.cases("volume")) {
    const std::string name = "volume/" + one.at("name").get<std::string>();
    auto stack = std::make_unique<StackSource>();
    stack->add("S", golden.slices(name + "/image", true), golden.slices(name + "/mask", false));
    const std::vector<Image> images = golden.slices(name + "/prepared", true), masks = golden.slices(name + "/prepared_mask", false);
    const PreprocessOptions options{
        .kind = "buda", .size = one.at("size"), .low_percentile = one.at("low_percentile"), .high_percentile = one.at("high_percentile")};
    const auto source = preprocess(std::move(stack), options);
    ASSERT_EQ(source->cases().size(), images.size()) << name;
    for (size_t i = 0; i < images.size(); ++i) {
      const RawSample sample = source->load(static_cast<int64_t>(i));
      // Slices are numbered from 1, the stack's from 0.
      EXPECT_EQ(sample.key.slice, one.at("first").get<int64_t>() + static_cast<int64_t>(i) + 1) << name;
      EXPECT_LE(largest_difference(sample.image, images[i]), golden.tolerance("volume")) << name << " " << i;
      EXPECT_EQ(different_pixels(sample.label, masks[i]), 0) << name << " " << i;
      EXPECT_EQ(source->cases()[i].foreground, std::count(masks[i].bytes.begin(), masks[i].bytes.end(), std::byte{1})) << name << " " << i;
    }
    ++run;
  }
  EXPECT_GT(run, 0);
  std::cout << run << " cases run, 0 skipped\n";
}

Image grey(int64_t width, int64_t height, uint8_t value) {
  Image image = Image::make({width, height, 1}, 1, PixelType::u8);
  std::fill_n(image.data<uint8_t>(), image.elements(), value);
  return image;
}

std::unique_ptr<StackSource> one_volume(const std::vector<Image>& images) {
  auto stack = std::make_unique<StackSource>();
  std::vector<Image> masks;
  for (const Image& image : images) masks.push_back(grey(image.width(), image.height(), 0));
  stack->add("S", images, masks);
  return stack;
}

TEST(Preprocess, KindNoneIsTheSourceItself) {
  auto stack = one_volume({grey(4, 4, 9)});
  const Source* before = stack.get();
  EXPECT_EQ(preprocess(std::move(stack), {}).get(), before);
}

TEST(Preprocess, KeepsSubjectsMetadataAndFingerprint) {
  auto stack = std::make_unique<StackSource>();
  for (const char* subject : {"A", "B"}) {
    stack->add(subject, {grey(4, 4, 9), grey(4, 4, 9), grey(4, 4, 9), grey(4, 4, 9)}, std::vector<Image>(4, grey(4, 4, 255)));
  }
  const auto source = preprocess(std::move(stack), {.kind = "buda", .size = 16});
  ASSERT_EQ(source->studies().size(), 2u);
  EXPECT_EQ(source->studies()[1].subject, "B");
  EXPECT_EQ(source->studies()[1].cases, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(source->studies()[1].metadata.at("grade"), "2");
  EXPECT_EQ(source->cases()[2].key, (CaseKey{"B", "", 2}));
  EXPECT_EQ(source->fingerprint(), "stack");
  EXPECT_EQ(source->name(), "stack");
  EXPECT_TRUE(source->is_phantom());
}

TEST(Preprocess, AConstantVolumeBecomesZero) {
  const auto source = preprocess(one_volume({grey(4, 4, 9), grey(4, 4, 9), grey(4, 4, 9)}), {.kind = "buda", .size = 4});
  const RawSample sample = source->load(0);
  for (int64_t i = 0; i < sample.image.elements(); ++i) EXPECT_EQ(sample.image.data<float>()[i], 0) << i;
}

TEST(Preprocess, ManyThreadsSeeTheSameValues) {
  const testing::MemorySourceOptions options{.subjects = 2, .slices = 7, .width = 20, .height = 18};
  const auto alone = preprocess(std::make_unique<testing::MemorySource>(options), {.kind = "buda", .size = 16});
  const auto shared = preprocess(std::make_unique<testing::MemorySource>(options), {.kind = "buda", .size = 16});
  std::vector<RawSample> samples(shared->cases().size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < samples.size(); ++i) threads.emplace_back([&, i] { samples[i] = shared->load(static_cast<int64_t>(i)); });
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i].image.bytes, alone->load(static_cast<int64_t>(i)).image.bytes) << i;
  }
}

TEST(PreprocessError, NamesTheVolume) {
  struct Case {
    std::vector<Image> images;
    std::string message;
  };
  const std::vector<Case> cases{
      {{grey(4, 4, 9), grey(4, 4, 9)},
       "S: 2 slices; data.preprocess leaves out the first and the last and needs 3 (data.exclude leaves out the volume)"},
      {{grey(4, 4, 9), grey(4, 4, 0), grey(4, 4, 9)}, "S: no voxel is above 0 (data.preprocess; data.exclude leaves out the volume)"},
      {{grey(4, 4, 9), grey(4, 4, 9), grey(5, 4, 9), grey(4, 4, 9)}, "S: slices of 4 x 4 and 5 x 4 are no volume (data.preprocess)"},
  };
  for (const Case& one : cases) {
    ErrorKind kind = ErrorKind::run;
    EXPECT_EQ(message_of([&] { preprocess(one_volume(one.images), {.kind = "buda"}); }, &kind), one.message);
    EXPECT_EQ(kind, ErrorKind::data);
  }
}

}  // namespace
}  // namespace larmor::datasets
