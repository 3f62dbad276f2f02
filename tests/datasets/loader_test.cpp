#include "datasets/loader.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "datasets/prepare_sample.h"
#include "tests/datasets/support.h"

namespace larmor::datasets {
namespace {

using testing::all_indices;
using testing::MemorySource;
using testing::MemorySourceOptions;
using testing::message_of;

constexpr size_t kLarge = size_t{1} << 30;

/// A batch's whole content, comparable.
struct Content {
  int64_t index = 0;
  std::vector<CaseKey> keys;
  std::vector<int64_t> shape;
  std::vector<float> image;
  std::vector<uint8_t> label;
  bool operator==(const Content&) const = default;
};

Content content_of(const Batch& batch) {
  const int64_t pixels = batch.shape[2] * batch.shape[3];
  return {batch.index,
          batch.keys,
          batch.shape,
          {batch.image, batch.image + batch.count() * batch.shape[1] * pixels},
          {batch.label, batch.label + batch.count() * pixels}};
}

AugmentOptions some_augmentation() {
  return {.flip_horizontal = .5, .quarter_turns = .5, .affine = .5, .brightness = .5, .contrast = .5, .gamma = .5, .noise = .5};
}

struct LoaderSetup {
  LoaderOptions options{.batch = 4, .size = 16};
  std::optional<AugmentOptions> augmentation;
  NormaliseOptions normalise;
};

std::unique_ptr<Loader> make_loader(const Source& source, const LoaderSetup& setup) {
  return std::make_unique<Loader>(std::make_shared<SampleCache>(source, kLarge), source, all_indices(source), setup.options,
                                  setup.normalise, setup.augmentation);
}

std::vector<Content> read_epoch(Loader& loader, int64_t epoch, int64_t first_batch = 0) {
  std::vector<Content> batches;
  loader.start_epoch(epoch, first_batch);
  while (const auto batch = loader.next()) batches.push_back(content_of(*batch));
  return batches;
}

std::vector<CaseKey> keys_of(const std::vector<Content>& batches) {
  std::vector<CaseKey> keys;
  for (const Content& batch : batches) keys.insert(keys.end(), batch.keys.begin(), batch.keys.end());
  return keys;
}

LoaderSetup training_setup(uint64_t seed = 0) {
  LoaderSetup setup;
  setup.options.shuffle = true;
  setup.options.seed = seed;
  setup.augmentation = some_augmentation();
  return setup;
}

TEST(Loader, ValidationSeesEveryCaseOnceInOrder) {
  const MemorySource source({.subjects = 3, .slices = 7});
  const auto loader = make_loader(source, {});
  EXPECT_EQ(loader->batches_per_epoch(), 6);
  EXPECT_EQ(loader->samples_per_epoch(), 21);
  for (const int64_t epoch : {0, 1, 2}) {
    const std::vector<CaseKey> keys = keys_of(read_epoch(*loader, epoch));
    ASSERT_EQ(keys.size(), 21u);
    for (size_t i = 0; i < keys.size(); ++i) ASSERT_EQ(keys[i], source.cases()[i].key);
  }
}

TEST(Loader, LastBatchIsSmallerAndNothingIsDropped) {
  const MemorySource source({.subjects = 1, .slices = 6});
  const std::vector<Content> batches = read_epoch(*make_loader(source, {}), 0);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].shape, (std::vector<int64_t>{4, 3, 16, 16}));
  EXPECT_EQ(batches[1].shape, (std::vector<int64_t>{2, 3, 16, 16}));
  EXPECT_EQ(batches[1].index, 1);
}

TEST(Loader, DropLastLeavesTheRestOut) {
  const MemorySource source({.subjects = 1, .slices = 6});
  LoaderSetup setup;
  setup.options.drop_last = true;
  const auto loader = make_loader(source, setup);
  EXPECT_EQ(loader->batches_per_epoch(), 1);
  EXPECT_EQ(loader->samples_per_epoch(), 4);
  EXPECT_EQ(read_epoch(*loader, 0).size(), 1u);
}

TEST(Loader, BatchHoldsNormalisedImagesAndLabels) {
  const MemorySource source;
  LoaderSetup setup;
  setup.options.keep_source_labels = true;
  setup.options.size = 8;
  const auto loader = make_loader(source, setup);
  loader->start_epoch(0);
  const std::optional<Batch> batch = loader->next();
  ASSERT_TRUE(batch);
  for (int64_t i = 0; i < batch->count(); ++i) {
    const RawSample raw = source.load(i);
    std::vector<float> expected(3 * 64);
    normalise(to_network_size(raw.image, 8), setup.normalise, expected.data());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), batch->image + i * 3 * 64)) << i;
    const imaging::Image label = label_to_network_size(raw.label, 8);
    EXPECT_TRUE(std::equal(label.data<uint8_t>(), label.data<uint8_t>() + 64, batch->label + i * 64)) << i;
    EXPECT_EQ(batch->source_labels[static_cast<size_t>(i)].bytes, raw.label.bytes);
  }
}

TEST(Loader, CasesWithoutLabelHaveBackground) {
  const MemorySource source({.has_labels = false});
  for (const Content& batch : read_epoch(*make_loader(source, {}), 0)) {
    EXPECT_EQ(std::count(batch.label.begin(), batch.label.end(), 0), static_cast<int64_t>(batch.label.size()));
  }
}

RC_GTEST_PROP(LoaderProperty, BatchesDoNotDependOnWorkersPrefetchOrCache, ()) {
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  const std::string sampling = *rc::gen::element<std::string>("uniform", "balanced", "weighted");
  const auto batch = *rc::gen::inRange<int64_t>(1, 7);
  const MemorySource source({.subjects = 3, .slices = 6, .width = 12, .height = 12});
  LoaderSetup setup = training_setup(seed);
  setup.options.sampling = sampling;
  setup.options.batch = batch;
  setup.options.size = 12;
  setup.options.workers = 1;
  const std::vector<Content> reference = read_epoch(*make_loader(source, setup), 1);
  for (const int64_t workers : {2, 3, 7, 16}) {
    setup.options.workers = workers;
    setup.options.prefetch = workers % 4;
    Loader loader(std::make_shared<SampleCache>(source, workers % 2 ? 0 : kLarge), source, all_indices(source), setup.options,
                  setup.normalise, setup.augmentation);
    RC_ASSERT(read_epoch(loader, 0).size() == reference.size());
    RC_ASSERT(read_epoch(loader, 1) == reference);
  }
}

TEST(Loader, EpochCanBeStartedAtAnyBatch) {
  const MemorySource source({.subjects = 4, .slices = 6});
  const LoaderSetup setup = training_setup(3);
  const std::vector<Content> whole = read_epoch(*make_loader(source, setup), 4);
  for (size_t first = 0; first <= whole.size(); ++first) {
    const std::vector<Content> rest = read_epoch(*make_loader(source, setup), 4, static_cast<int64_t>(first));
    ASSERT_TRUE(std::equal(rest.begin(), rest.end(), whole.begin() + static_cast<int64_t>(first), whole.end())) << first;
  }
}

TEST(Loader, StoppedEpochDoesNotDisturbTheNext) {
  const MemorySource source({.subjects = 4, .slices = 6});
  const LoaderSetup setup = training_setup(3);
  const std::vector<Content> expected = read_epoch(*make_loader(source, setup), 1);
  const auto loader = make_loader(source, setup);
  loader->start_epoch(0);
  loader->next();
  loader->next();
  EXPECT_EQ(read_epoch(*loader, 1), expected);
  EXPECT_EQ(read_epoch(*loader, 1), expected) << "the same epoch again";
}

TEST(Loader, SeedsAndEpochsDiffer) {
  const MemorySource source;
  const auto loader = make_loader(source, training_setup(1));
  const std::vector<Content> first = read_epoch(*loader, 0);
  EXPECT_NE(first, read_epoch(*loader, 1));
  EXPECT_EQ(first, read_epoch(*make_loader(source, training_setup(1)), 0));
  EXPECT_NE(first, read_epoch(*make_loader(source, training_setup(2)), 0));
}

TEST(Loader, AugmentationOfACaseDiffersBetweenEpochsAndIsEqualAfterAResume) {
  const MemorySource source({.subjects = 1, .slices = 4});
  LoaderSetup setup = training_setup(1);
  setup.options.shuffle = false;  // only the augmentation changes
  setup.augmentation = AugmentOptions{.affine = 1, .brightness = 1};
  const auto loader = make_loader(source, setup);
  const std::vector<Content> first = read_epoch(*loader, 0), second = read_epoch(*loader, 1);
  EXPECT_EQ(keys_of(first), keys_of(second));
  EXPECT_NE(first[0].image, second[0].image);
  EXPECT_EQ(second, read_epoch(*make_loader(source, setup), 1));
}

TEST(Loader, ACaseDrawnTwiceInAnEpochIsChangedTwice) {
  const MemorySource source({.subjects = 1, .slices = 3});
  LoaderSetup setup = training_setup(1);
  setup.options.sampling = "balanced";
  setup.options.positive_share = 1;  // slice 3, three times
  setup.augmentation = AugmentOptions{.affine = 1};
  const std::vector<Content> batches = read_epoch(*make_loader(source, setup), 0);
  ASSERT_EQ(batches[0].keys, (std::vector<CaseKey>(3, CaseKey{"S0", "", 3})));
  const size_t one = 3 * 16 * 16;
  std::set<std::vector<float>> different;
  for (size_t i = 0; i < 3; ++i) {
    different.insert(
        {batches[0].image.begin() + static_cast<int64_t>(i * one), batches[0].image.begin() + static_cast<int64_t>((i + 1) * one)});
  }
  EXPECT_EQ(different.size(), 3u);
}

/// Waits until `condition` holds; false after ten seconds.
bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return condition();
}

TEST(Loader, PrefetchRunsOverTheEndOfTheEpochAndIsUsed) {
  MemorySource source({.subjects = 2, .slices = 4});
  std::atomic<int> loads = 0;
  source.before_load = [&](int64_t) { ++loads; };
  LoaderSetup setup = training_setup();
  setup.options.prefetch = 2;
  Loader loader(std::make_shared<SampleCache>(source, 0), source, all_indices(source), setup.options, setup.normalise, setup.augmentation);
  EXPECT_EQ(read_epoch(loader, 0).size(), 2u);
  EXPECT_TRUE(eventually([&] { return loads == 16; })) << "both batches of epoch 1 are made ahead";
  loader.start_epoch(1);
  loader.next();
  EXPECT_TRUE(eventually([&] { return loads == 20; })) << "they were not made again";
}

TEST(Loader, EvaluationUsesWhatWasPrefetchedForAnyEpoch) {
  MemorySource source({.subjects = 2, .slices = 4});
  std::atomic<int> loads = 0;
  source.before_load = [&](int64_t) { ++loads; };
  LoaderSetup setup;
  Loader loader(std::make_shared<SampleCache>(source, 0), source, all_indices(source), setup.options, setup.normalise, std::nullopt);
  read_epoch(loader, 0);
  EXPECT_TRUE(eventually([&] { return loads == 16; }));
  EXPECT_EQ(read_epoch(loader, 5).size(), 2u);
  EXPECT_TRUE(eventually([&] { return loads == 24; }));
}

TEST(Loader, HoldsABoundedNumberOfBatches) {
  const MemorySource source({.subjects = 10, .slices = 6});
  std::atomic<int> live = 0, most = 0;
  const SlotAllocator allocator{[&](size_t bytes) {
                                  most = std::max<int>(most, ++live);
                                  return std::malloc(bytes);
                                },
                                [&](void* block) {
                                  --live;
                                  std::free(block);
                                }};
  {
    LoaderSetup setup = training_setup();
    setup.options.prefetch = 3;
    Loader loader(std::make_shared<SampleCache>(source, kLarge), source, all_indices(source), setup.options, setup.normalise,
                  setup.augmentation, allocator);
    for (const int64_t epoch : {0, 1}) {
      loader.start_epoch(epoch);
      std::optional<Batch> held;  // as a training loop does: one in work while the next is asked for
      while (auto batch = loader.next()) held = std::move(batch);
    }
    EXPECT_LE(most, 3 + 2);
  }
  EXPECT_EQ(live, 0);
}

TEST(Loader, BatchesOutliveTheLoader) {
  const MemorySource source;
  auto loader = make_loader(source, {});
  const std::vector<Content> expected = read_epoch(*loader, 0);
  loader->start_epoch(0);
  std::vector<Batch> kept;
  while (auto batch = loader->next()) kept.push_back(std::move(*batch));
  loader.reset();
  ASSERT_EQ(kept.size(), expected.size());
  for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(content_of(kept[i]), expected[i]);
}

TEST(Loader, CanBeDestroyedInMidEpoch) {
  const MemorySource source({.subjects = 8});
  for (int i = 0; i < 20; ++i) {
    LoaderSetup setup = training_setup();
    setup.options.workers = 3;
    setup.options.prefetch = 4;
    const auto loader = make_loader(source, setup);
    loader->start_epoch(0);
    if (i % 2) loader->next();
  }
}

TEST(Loader, MeasuresTheWait) {
  MemorySource source({.subjects = 1, .slices = 4});
  source.before_load = [](int64_t) { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  const auto loader = make_loader(source, {});
  EXPECT_EQ(loader->wait_seconds(), 0);
  read_epoch(*loader, 0);
  EXPECT_GT(loader->wait_seconds(), 0.01);
  EXPECT_LT(loader->wait_seconds(), 5);
}

TEST(Loader, TakesFloatImagesOfAnyShape) {
  const MemorySource source({.width = 10, .height = 14, .channels = 5, .type = imaging::PixelType::f32});
  LoaderSetup setup = training_setup();
  const std::vector<Content> batches = read_epoch(*make_loader(source, setup), 0);
  EXPECT_EQ(batches[0].shape, (std::vector<int64_t>{4, 5, 16, 16}));
}

TEST(LoaderError, OfAWorkerNamesTheCase) {
  MemorySource source({.subjects = 1, .slices = 8});
  source.before_load = [](int64_t index) {
    if (index == 1) throw_data_error("S0/S0_2.tif: is empty");
  };
  const auto loader = make_loader(source, {});
  loader->start_epoch(0);
  ErrorKind kind{};
  EXPECT_EQ(message_of([&] { loader->next(); }, &kind), "S0:2: S0/S0_2.tif: is empty");
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_EQ(loader->next()->keys.front(), (CaseKey{"S0", "", 5})) << "the loader can still be used";
}

TEST(LoaderError, OfSeveralWorkersIsTheFirstByPosition) {
  MemorySource source({.subjects = 1, .slices = 8});
  source.before_load = [](int64_t index) {
    if (index == 2) throw_data_error("late");
    if (index == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));  // fails after the others
      throw std::runtime_error("early");
    }
    if (index == 3) throw std::bad_alloc();
  };
  LoaderSetup setup;
  setup.options.workers = 4;
  const auto loader = make_loader(source, setup);
  loader->start_epoch(0);
  ErrorKind kind{};
  EXPECT_EQ(message_of([&] { loader->next(); }, &kind), "S0:2: early (and 2 more)");
  EXPECT_EQ(kind, ErrorKind::run);
}

TEST(LoaderError, MemoryOfAWorkerSaysWhatToLower) {
  MemorySource source({.subjects = 1, .slices = 1});
  source.before_load = [](int64_t) { throw std::bad_alloc(); };
  const auto loader = make_loader(source, {});
  loader->start_epoch(0);
  EXPECT_EQ(message_of([&] { loader->next(); }), "S0:1: out of memory; lower data.batch, data.size or data.cache_mib");
}

TEST(LoaderError, OptionsAreChecked) {
  const MemorySource source({.subjects = 1, .slices = 3});
  LoaderSetup setup;
  setup.options.drop_last = true;
  ErrorKind kind{};
  EXPECT_EQ(message_of([&] { make_loader(source, setup); }, &kind),
            "data.batch: a batch of 4 is larger than the 3 cases to train on; lower it");
  EXPECT_EQ(kind, ErrorKind::usage);
  setup = {};
  setup.options.sampling = "balancd";
  EXPECT_EQ(message_of([&] { make_loader(source, setup); }), "data.sampling: unknown sampling 'balancd'; nearest: 'balanced'");
  EXPECT_EQ(message_of([&] { Loader(std::make_shared<SampleCache>(source, kLarge), source, {}, {}, {}, std::nullopt); }),
            "data: there is no case to load");
}

TEST(LoaderError, BatchesAheadMustFitTheMachine) {
  const MemorySource source({.subjects = 1, .slices = 3});
  LoaderSetup setup;
  setup.options.prefetch = int64_t{1} << 62;
  ErrorKind kind{};
  const std::string message = message_of([&] { make_loader(source, setup); }, &kind);
  EXPECT_EQ(kind, ErrorKind::usage);
  EXPECT_EQ(message.find("data.prefetch: 4611686018427387904 batches of 3 x "), 0) << message;
  EXPECT_NE(message.find(" GiB; lower data.prefetch, data.batch or data.size"), std::string::npos) << message;
  setup = {};
  setup.options.size = int64_t{1} << 40;
  EXPECT_NE(message_of([&] { make_loader(source, setup); }).find("GiB, more than half of this machine's"), std::string::npos);
}

TEST(Loader, ABatchTakesNoMoreMemoryThanItsCases) {
  const MemorySource source({.subjects = 1, .slices = 3});
  LoaderSetup setup;
  setup.options.batch = int64_t{1} << 40;
  const auto loader = make_loader(source, setup);
  loader->start_epoch(0);
  const std::optional<Batch> batch = loader->next();
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(batch->count(), 3);
  EXPECT_FALSE(loader->next().has_value());
}

}  // namespace
}  // namespace larmor::datasets
