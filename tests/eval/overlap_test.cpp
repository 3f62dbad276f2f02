#include "eval/overlap.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <map>

#include "core/tensors.h"
#include "tests/eval/support.h"
#include "tests/support/golden.h"

namespace larmor::eval {
namespace {

using testing::expect_close;
using testing::number;
using Json = nlohmann::json;

constexpr double kExactRatio = 1e-9;       // counts are exact, the files round ratios to 12 digits
constexpr double kSinglePrecision = 1e-6;  // SMP and MONAI compute ratios in float32

std::vector<uint8_t> bytes_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kByte).contiguous();
  return {flat.const_data_ptr<uint8_t>(), flat.const_data_ptr<uint8_t>() + flat.numel()};
}

std::map<std::string, at::Tensor> golden_masks() {
  std::map<std::string, at::Tensor> masks;
  for (const auto& [name, tensor] : load_tensors(larmor::testing::golden_file("metrics.safetensors"))) masks[name] = tensor;
  return masks;
}

const std::map<std::string, std::function<double(const Overlap&)>>& ratios() {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  static const std::map<std::string, std::function<double(const Overlap&)>> all = {
      {"tp", [](const Overlap& o) { return static_cast<double>(o.tp); }},
      {"fp", [](const Overlap& o) { return static_cast<double>(o.fp); }},
      {"fn", [](const Overlap& o) { return static_cast<double>(o.fn); }},
      {"tn", [](const Overlap& o) { return static_cast<double>(o.tn); }},
      {"dice", [](const Overlap& o) { return o.dice(kNaN); }},
      {"iou", [](const Overlap& o) { return o.iou(kNaN); }},
      {"sensitivity", &Overlap::sensitivity},
      {"precision", &Overlap::precision},
      {"specificity", &Overlap::specificity},
      {"npv", &Overlap::negative_predictive_value},
      {"accuracy", &Overlap::accuracy},
      {"relative_volume_difference", &Overlap::relative_volume_difference},
      {"volume_similarity", &Overlap::volume_similarity}};
  return all;
}

TEST(OverlapGolden, CountsAndRatios) {
  const auto file = larmor::testing::golden_file("metrics.json");
  LARMOR_NEEDS(file, "metrics.json");
  const auto masks = golden_masks();
  testing::GoldenCount count;
  const Json golden = testing::read_json(file);
  for (const Json& row : golden["cases"]) {
    const std::string name = row["case"];
    const Overlap overlap = count_overlap(bytes_of(masks.at(name + ".gt")), bytes_of(masks.at(name + ".pred")));
    for (const auto& [key, expected] : row["overlap"].items()) {
      const auto ratio = ratios().find(key);
      if (ratio == ratios().end()) {
        count.skip(name + "." + key);
        continue;
      }
      expect_close(ratio->second(overlap), number(expected), kExactRatio, name + "." + key);
      ++count.run;
    }
  }
}

/// The scores that SMP reduces and we offer; 0/0 becomes `empty`.
double score(const std::string& name, const Overlap& overlap, double empty) {
  const auto or_empty = [empty](double value) { return std::isnan(value) ? empty : value; };
  if (name == "iou_score") return overlap.iou(empty);
  if (name == "f1_score") return overlap.dice(empty);
  if (name == "recall") return or_empty(overlap.sensitivity());
  if (name == "precision") return or_empty(overlap.precision());
  if (name == "specificity") return or_empty(overlap.specificity());
  if (name == "accuracy") return or_empty(overlap.accuracy());
  return std::numeric_limits<double>::signaling_NaN();
}

bool is_offered(const std::string& name) {
  for (const char* known : {"iou_score", "f1_score", "recall", "precision", "specificity", "accuracy"}) {
    if (name == known) return true;
  }
  return false;
}

/// SMP's reductions of images x classes.
double reduced_score(const std::string& name, const std::string& reduction, const std::vector<std::vector<Overlap>>& images, double empty) {
  double sum = 0;
  int64_t terms = 0;
  const auto add = [&](const Overlap& overlap) {
    sum += score(name, overlap, empty);
    ++terms;
  };
  const size_t classes = images[0].size();
  std::vector<Overlap> of_class(classes);
  Overlap all;
  for (const std::vector<Overlap>& image : images) {
    Overlap of_image;
    for (size_t k = 0; k < classes; ++k) {
      of_image += image[k];
      of_class[k] += image[k];
      if (reduction == "macro-imagewise") add(image[k]);
    }
    if (reduction == "micro-imagewise") add(of_image);
    all += of_image;
  }
  if (reduction == "micro") add(all);
  for (size_t k = 0; k < classes && reduction == "macro"; ++k) add(of_class[k]);
  return terms == 0 ? std::numeric_limits<double>::signaling_NaN() : sum / static_cast<double>(terms);
}

TEST(OverlapGolden, BatchesOfSmp) {
  const auto file = larmor::testing::golden_file("metrics.json");
  LARMOR_NEEDS(file, "metrics.json");
  const Json batch = testing::read_json(file)["batch_2d"];
  const auto masks = golden_masks();
  const at::Tensor truth = masks.at("batch.gt"), prediction = masks.at("batch.pred");
  testing::GoldenCount count;
  std::vector<std::vector<Overlap>> images;
  for (int64_t i = 0; i < truth.size(0); ++i) {
    images.push_back({count_overlap(bytes_of(truth[i]), bytes_of(prediction[i]))});
    for (const char* key : {"tp", "fp", "fn", "tn"}) {
      EXPECT_EQ(ratios().at(key)(images.back()[0]), batch[key][static_cast<size_t>(i)].get<double>()) << key << " " << i;
    }
  }
  for (const auto& [name, reductions] : batch["smp"].items()) {
    if (!is_offered(name)) {
      count.skip("batch_2d.smp." + name);
      continue;
    }
    for (const auto& [key, expected] : reductions.items()) {
      const std::string marker = ".zero_division_";
      const size_t at = key.find(marker);
      ASSERT_NE(at, std::string::npos) << key;
      const double empty = std::stod(key.substr(at + marker.size()));
      expect_close(reduced_score(name, key.substr(0, at), images, empty), number(expected), kSinglePrecision, name + "." + key);
      ++count.run;
    }
  }
}

TEST(OverlapGolden, ClassesOfSmp) {
  const auto file = larmor::testing::golden_file("metrics.json");
  LARMOR_NEEDS(file, "metrics.json");
  const Json expected = testing::read_json(file)["multiclass_2d"];
  const auto masks = golden_masks();
  const at::Tensor truth = masks.at("multi.gt"), prediction = masks.at("multi.pred");
  const auto classes = expected["num_classes"].get<int64_t>();
  testing::GoldenCount count;
  std::vector<std::vector<Overlap>> images(static_cast<size_t>(truth.size(0)));
  for (size_t i = 0; i < images.size(); ++i) {
    const auto t = bytes_of(truth[static_cast<int64_t>(i)]), p = bytes_of(prediction[static_cast<int64_t>(i)]);
    for (int64_t k = 0; k < classes; ++k) {
      images[i].push_back(count_overlap(t, p, static_cast<uint8_t>(k)));
      for (const char* key : {"tp", "fp", "fn", "tn"}) {
        EXPECT_EQ(ratios().at(key)(images[i].back()), expected[key][i][static_cast<size_t>(k)].get<double>())
            << key << " " << i << " " << k;
      }
      expect_close(images[i].back().truth_is_empty() ? std::nan("") : images[i].back().dice(1),
                   number(expected["monai_dice"][i][static_cast<size_t>(k)]), kSinglePrecision, "monai_dice");
      ++count.run;
    }
  }
  for (const auto& [name, reductions] : expected["smp"].items()) {
    for (const auto& [reduction, value] : reductions.items()) {
      const double found = is_offered(name) ? reduced_score(name, reduction, images, 1) : std::nan("");
      if (std::isnan(found)) {
        count.skip("multiclass_2d.smp." + name + "." + reduction);
        continue;
      }
      expect_close(found, number(value), kSinglePrecision, name + "." + reduction);
      ++count.run;
    }
  }
  count.skip("multiclass_2d.monai_generalized_dice");
}

TEST(Overlap, EmptyMasks) {
  struct Row {
    std::vector<uint8_t> truth, prediction;
    double dice, iou, sensitivity, precision;
  };
  const double nan = std::nan("");
  const std::vector<Row> rows = {{{0, 0}, {0, 0}, 1, 1, nan, nan},
                                 {{1, 0}, {0, 0}, 0, 0, 0, nan},
                                 {{0, 0}, {255, 0}, 0, 0, nan, 0},
                                 {{255, 0}, {1, 0}, 1, 1, 1, 1},
                                 {{}, {}, 1, 1, nan, nan}};
  for (const Row& row : rows) {
    const Overlap overlap = count_overlap(row.truth, row.prediction);
    expect_close(overlap.dice(1), row.dice, 0, "dice");
    expect_close(overlap.iou(1), row.iou, 0, "iou");
    expect_close(overlap.sensitivity(), row.sensitivity, 0, "sensitivity");
    expect_close(overlap.precision(), row.precision, 0, "precision");
  }
}

std::pair<std::vector<uint8_t>, std::vector<uint8_t>> two_masks() {
  const auto size = *rc::gen::inRange(0, 60);
  const auto pixels = rc::gen::container<std::vector<uint8_t>>(static_cast<size_t>(size), rc::gen::element<uint8_t>(0, 0, 1, 2, 255));
  return {*pixels, *pixels};
}

RC_GTEST_PROP(OverlapLaws, DiceFollowsFromIou, ()) {
  const auto [truth, prediction] = two_masks();
  const Overlap overlap = count_overlap(truth, prediction);
  const double iou = overlap.iou(1);
  RC_ASSERT(std::abs(overlap.dice(1) - 2 * iou / (1 + iou)) < 1e-12);
}

RC_GTEST_PROP(OverlapLaws, CountsAddUpAndSwapSymmetrically, ()) {
  const auto [truth, prediction] = two_masks();
  const Overlap overlap = count_overlap(truth, prediction), swapped = count_overlap(prediction, truth);
  RC_ASSERT(overlap.tp + overlap.fp + overlap.fn + overlap.tn == static_cast<int64_t>(truth.size()));
  RC_ASSERT(overlap.fp == swapped.fn && overlap.fn == swapped.fp && overlap.dice(1) == swapped.dice(1));
}

RC_GTEST_PROP(OverlapLaws, OneMaskEqualsItsClasses, ()) {
  const auto [truth, prediction] = two_masks();
  Overlap sum;
  for (const int label : {1, 2, 255}) sum += count_overlap(truth, prediction, static_cast<uint8_t>(label));
  const Overlap whole = count_overlap(truth, prediction);
  RC_ASSERT(sum.tp + sum.fn == whole.tp + whole.fn);
  RC_ASSERT(sum.tp + sum.fp == whole.tp + whole.fp);
  RC_ASSERT(sum.tp <= whole.tp);
}

}  // namespace
}  // namespace larmor::eval
