#include "datasets/siberian.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "core/files.h"
#include "datasets/inspect.h"
#include "datasets/siberian_cache.h"
#include "datasets/split.h"
#include "tests/datasets/siberian_folder.h"
#include "tests/support/errors.h"

namespace larmor::datasets {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): names of the fixture
using imaging::Image;
using larmor::testing::data_error;
using larmor::testing::make_temporary_folder;
using larmor::testing::usage_error;

/// A prepared phantom; registration is tested elsewhere.
fs::path prepared() {
  static const fs::path made = [] {
    fs::path out = make_temporary_folder("prepared");
    PrepareSiberianOptions options = small_options(siberian_folder());
    options.registration = "none";
    prepare_siberian(options, out, {});
    return out;
  }();
  return made;
}

fs::path copy_of_prepared() {
  fs::path copy = make_temporary_folder("prepared");
  fs::copy(prepared(), copy, fs::copy_options::recursive);
  return copy;
}

SiberianOptions options_at(const fs::path& root) {
  SiberianOptions options;
  options.root = root.string();
  return options;
}

/// The case that shows most of the label.
int64_t fullest_case(const Source& source, const std::string& subject) {
  int64_t best = -1;
  for (const Study& study : source.studies()) {
    if (study.subject != subject) continue;
    for (const int64_t i : study.cases) {
      const auto foreground = [&](int64_t index) { return source.cases()[static_cast<size_t>(index)].foreground; };
      if (best < 0 || foreground(i) > foreground(best)) best = i;
    }
  }
  return best;
}

std::set<int> classes_in(const Image& label) {
  const uint8_t* values = label.data<uint8_t>();
  return {values, values + label.voxels()};
}

TEST(Siberian, SlicesAreCasesAndSubjectsStudies) {
  const auto source = make_siberian(options_at(prepared()));
  EXPECT_EQ(source->name(), "siberian");
  EXPECT_TRUE(source->is_phantom());
  ASSERT_EQ(source->studies().size(), 3u);
  EXPECT_EQ(source->studies()[0].metadata.at("tumour_type"), "meningioma");
  EXPECT_EQ(source->channel_names(), (std::vector<std::string>{"T1", "T1CE", "FLAIR"}));
  const int64_t index = fullest_case(*source, kThird);
  const RawSample sample = source->load(index);
  EXPECT_EQ(sample.image.size, (std::array<int64_t, 3>{40, 40, 1}));
  EXPECT_EQ(sample.image.geometry.spacing_mm, (std::array<double, 3>{6, 6, 6}));
  EXPECT_TRUE(sample.image.geometry.has_spacing);
  const float* values = sample.image.data<float>();
  EXPECT_GE(*std::min_element(values, values + sample.image.elements()), 0.0F);
  EXPECT_LE(*std::max_element(values, values + sample.image.elements()), 1.0F);
  EXPECT_EQ(classes_in(sample.label), (std::set<int>{0, 1})) << "the whole region is the default";
  const auto& info = source->cases()[static_cast<size_t>(index)];
  EXPECT_EQ(info.foreground, std::count(sample.label.bytes.begin(), sample.label.bytes.end(), std::byte{1}));
}

/// By which others are made ready alike.
TEST(Siberian, TellsHowItWasPrepared) {
  const auto stored = nlohmann::json::parse(make_siberian(options_at(prepared()))->preparation());
  PrepareSiberianOptions used = small_options("");
  used.registration = "none";
  EXPECT_EQ(to_json(preparation_from(stored.at("parameters"), "w")), to_json(used));
  EXPECT_EQ(stored.at("labels").at("necrotic"), 4);
}

TEST(Siberian, LabelMapChoosesClasses) {
  SiberianOptions options = options_at(prepared());
  options.labels = {{"edema", 1}, {"non_enhancing", 2}, {"enhancing", 3}, {"necrotic", 4}};
  const auto four = make_siberian(options);
  const int64_t index = fullest_case(*four, kThird);
  const Image classes = four->load(index).label;
  EXPECT_GE(classes_in(classes).size(), 3u);
  options.labels.erase("edema");
  const auto core = make_siberian(options);
  const Image without = core->load(index).label;
  for (int64_t i = 0; i < classes.voxels(); ++i) {
    const int of = classes.data<uint8_t>()[i];
    ASSERT_EQ(without.data<uint8_t>()[i], of == 1 ? 0 : of);
  }
  EXPECT_LT(core->cases()[static_cast<size_t>(index)].foreground, four->cases()[static_cast<size_t>(index)].foreground);
}

TEST(Siberian, EveryInputComesFromTheSameVoxels) {
  const auto mixed = make_siberian(options_at(prepared()));
  const int64_t last = mixed->studies()[0].cases.back();  // its upper neighbour is itself
  const Image slice = mixed->load(last).image, below = mixed->load(last - 1).image;
  SiberianOptions options = options_at(prepared());
  options.composition.input = "wide";
  const auto wide = make_siberian(options);
  EXPECT_EQ(wide->channels(), 9);
  const Image nine = wide->load(last).image;
  for (int64_t i = 0; i < slice.voxels(); ++i) {
    for (int64_t c = 0; c < 3; ++c) {
      ASSERT_EQ(nine.data<float>()[9 * i + c], below.data<float>()[3 * i + c]);
      ASSERT_EQ(nine.data<float>()[9 * i + 3 + c], slice.data<float>()[3 * i + c]);
      ASSERT_EQ(nine.data<float>()[9 * i + 6 + c], slice.data<float>()[3 * i + c]);
    }
  }
  options.composition = {"single", {"FLAIR"}, {}};
  const Image one = make_siberian(options)->load(last).image;
  for (int64_t i = 0; i < slice.voxels(); ++i) ASSERT_EQ(one.data<float>()[i], slice.data<float>()[3 * i + 2]);
}

TEST(Siberian, SplitsBySubject) {
  const auto source = make_siberian(options_at(prepared()));
  SplitOptions options;
  options.kind = "kfold";
  options.folds = 3;
  const Split split = make_split(*source, options);
  EXPECT_EQ(split.train_subjects.size(), 2u);
  EXPECT_NO_THROW(require_no_leak(*source, split));
}

TEST(Siberian, IsRecognisedByInspect) {
  const auto source = open_for_inspection(prepared());
  EXPECT_EQ(source->name(), "siberian");
  const Inspection inspection = inspect(*source, 1);
  EXPECT_EQ(inspection.subjects.size(), 3u);
  EXPECT_EQ(inspection.channels.size(), 3u);
  EXPECT_TRUE(inspection.findings.empty());
  EXPECT_GT(contact_sheet(*source).voxels(), 0);
}

TEST(Siberian, ExcludesSubjectsAndTellsWhatWasExcluded) {
  const fs::path root = copy_of_prepared();
  SiberianIndex index = read_siberian_index(root);
  index.entries[1].reason = "registration of FLAIR failed: no";
  write_siberian_index(root, index);
  SiberianOptions options = options_at(root);
  options.exclude = {kFirst};
  const auto source = make_siberian(options);
  ASSERT_EQ(source->studies().size(), 1u);
  EXPECT_EQ(source->studies()[0].subject, kThird);
  ASSERT_EQ(source->findings().size(), 1u);
  EXPECT_EQ(source->findings()[0].message, "was excluded: registration of FLAIR failed: no");
}

TEST(SiberianError, RecipesThatDoNotFit) {
  const auto error = [](const std::function<void(SiberianOptions&)>& change) {
    SiberianOptions options = options_at(prepared());
    change(options);
    return usage_error([&] { make_siberian(options); });
  };
  EXPECT_EQ(error([](auto& o) { o.root = ""; }), "data.root: no folder is given; set data.root to what larmor prepare siberian wrote");
  EXPECT_EQ(error([](auto& o) { o.labels = {{"edma", 1}}; }), "data.labels: unknown label 'edma'; nearest: 'edema'");
  EXPECT_EQ(error([](auto& o) { o.composition.channels = {"T2"}; }), "data.channels: unknown sequence 'T2'; nearest: 'T1'");
  EXPECT_EQ(error([](auto& o) { o.exclude = {"SBT_PH_001"}; }), "data.exclude: unknown subject 'SBT_PH_001'; nearest: 'SBT_PH_0001'");
}

TEST(SiberianError, NoVolumeIsLeft) {
  const fs::path root = copy_of_prepared();
  SiberianIndex index = read_siberian_index(root);
  index.entries[0].reason = index.entries[1].reason = "registration of FLAIR failed: no";
  write_siberian_index(root, index);
  SiberianOptions options = options_at(root);
  options.exclude = {kThird};
  EXPECT_EQ(data_error([&] { make_siberian(options); }),
            "data.root: " + root.string() +
                ": no volume is left: SBT_PH_0001 was excluded: registration of FLAIR failed: no (and 1 more); data.exclude leaves out 1");
}

TEST(SiberianError, CachesThatAreNone) {
  const fs::path root = copy_of_prepared(), empty = make_temporary_folder("prepared");
  const auto error = [&] { return data_error([&] { make_siberian(options_at(root)); }); };
  const std::string none = empty.string();
  EXPECT_EQ(data_error([&] { make_siberian(options_at(empty)); }),
            "data.root: " + none + ": holds no prepared volumes; it should be the OUT of larmor prepare siberian DATA OUT");
  const fs::path second = siberian_volume_file(root, kSecond);
  const std::string whole = read_file(second);
  write_file_atomically(second, whole.substr(0, whole.size() - 5));
  EXPECT_EQ(error(), second.string() + ": its checksum does not fit: the file is cut off or damaged");
  SiberianOptions skip = options_at(root);
  skip.on_bad_file = "skip";
  EXPECT_EQ(make_siberian(skip)->findings().size(), 1u);
  fs::remove(second);
  EXPECT_EQ(error(), second.string() + ": cannot be read: No such file or directory");
  fs::copy_file(siberian_volume_file(root, kFirst), second);
  EXPECT_EQ(error(), second.string() + ": is of another preparation than index.json; run larmor prepare siberian to its end");
  const std::string index = (root / "index.json").string();
  write_file_atomically(index, R"({"format": "larmor siberian cache", "version": 9})");
  EXPECT_EQ(error(), index + ": is of another version than 1; prepare the data anew");
  write_file_atomically(index, R"({"format": "larmor siberian cache", "version": 1, "sequences": 5})");
  EXPECT_EQ(error(), index + ": a fact is missing or of another kind; prepare the data anew");
  SiberianIndex twice = read_siberian_index(prepared());
  twice.entries[1].name = kFirst;
  write_siberian_index(root, twice);
  EXPECT_EQ(error(), index + ": names volume 'SBT_PH_0001' twice");
  write_file_atomically(index, R"(larmor siberian cache {)");
  EXPECT_EQ(error(), index + ": is no larmor siberian cache");
}

}  // namespace
}  // namespace larmor::datasets
