#include "eval/predictor.h"

#include <gtest/gtest.h>

#include "core/tensors.h"
#include "eval/segmentation.h"
#include "tests/eval/support.h"
#include "tests/support/golden.h"
#include "tests/support/hash_fill.h"

namespace larmor::eval {
namespace {

using testing::message_of;
using testing::TinySegmenter;
using Json = nlohmann::json;

/// Sigmoid of every channel, as the golden network has it.
class MultiLabelTask final : public Task {
 public:
  explicit MultiLabelTask(bool lateral = false) : lateral_(lateral) {}
  at::Tensor encode_target(const datasets::Batch&) const override { return {}; }
  at::Tensor activate(const at::Tensor& logits) const override { return logits.sigmoid(); }
  std::unique_ptr<Evaluator> make_evaluator(const datasets::Source&) const override { return nullptr; }
  bool is_lateral() const override { return lateral_; }
  std::vector<std::string> metric_names() const override { return {}; }

 private:
  bool lateral_;
};

at::Tensor filled(const std::string& name, const std::vector<int64_t>& shape, uint64_t seed) {
  return at::tensor(larmor::testing::hash_weight(name, shape, seed)).reshape(shape);
}

bool is_offered(const std::string& transform, const std::string& merge, const std::string& output) {
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::count(names.begin(), names.end(), name) > 0;
  };
  if (!has(tta_names(), transform) || !has(merge_names(), merge)) return false;
  return output == "prob" ? merge != "sum" : output == "logit" && merge != "gmean" && merge != "tsharpen";
}

TEST(PredictorGolden, WholeWay) {
  const auto file = larmor::testing::golden_file("tta.json");
  LARMOR_NEEDS(file, "tta.json");
  const Json golden = testing::read_json(file);
  const auto seed = golden["seed"].get<uint64_t>();
  const auto shape1 = golden["net"]["conv1"].get<std::vector<int64_t>>(), shape2 = golden["net"]["conv2"].get<std::vector<int64_t>>();
  std::map<std::string, at::Tensor> expected;
  for (const auto& [name, tensor] : load_tensors(larmor::testing::golden_file("tta.safetensors"))) expected[name] = tensor;
  const MultiLabelTask task;
  testing::GoldenCount count;
  for (const Json& row : golden["cases"]) {
    const std::string transform = row["transform"], merge = row["merge"], input = row["input"], output = row["output"];
    if (!is_offered(transform, merge, output) || row["tensor"].is_null() || golden["net"]["padding"] != 1) {
      count.skip(input + "/" + output + "/" + transform + "." + merge);
      continue;
    }
    const auto net = std::make_shared<TinySegmenter>(filled("conv1.weight", shape1, seed), filled("conv1.bias", {shape1[0]}, seed),
                                                     filled("conv2.weight", shape2, seed), filled("conv2.bias", {shape2[0]}, seed));
    const auto shape = golden["inputs"][input].get<std::vector<int64_t>>();
    const int64_t elements = shape[0] * shape[1] * shape[2] * shape[3];
    const at::Tensor image = at::tensor(larmor::testing::hash_fill("tta.input." + input, elements, seed, std::sqrt(3.0))).reshape(shape);
    const bool of_logits = output == "logit";
    Predictor predictor({net}, task, {transform, merge, of_logits ? "logits" : "probabilities"}, at::kCPU);
    const at::Tensor wanted = expected.at(row["tensor"]);
    const double difference = (predictor.probabilities(image) - (of_logits ? wanted.sigmoid() : wanted)).abs().max().item<double>();
    EXPECT_LE(difference, merge == "gmean" ? 2e-6 : 1e-6) << input << " " << transform << " " << merge;
    ++count.run;
  }
}

TEST(Predictor, ViewsGoThroughTheNetworkTogether) {
  const auto task = make_segmentation({}, 1);
  const auto net = TinySegmenter::random(3, 1, 1);
  const at::Tensor image = at::rand({2, 3, 8, 8});
  Predictor({net}, *task, {"d4"}, at::kCPU).probabilities(image);
  EXPECT_EQ(net->batches, (std::vector<int64_t>{16}));
}

TEST(Predictor, PiecesChangeNothing) {
  const auto task = make_segmentation({}, 1);
  const at::Tensor image = at::rand({3, 3, 8, 8});
  const auto whole = TinySegmenter::random(3, 1, 1), pieces = TinySegmenter::random(3, 1, 1);
  const at::Tensor expected = Predictor({whole}, *task, {"d4", "mean", "probabilities", 64}, at::kCPU).probabilities(image);
  const at::Tensor found = Predictor({pieces}, *task, {"d4", "mean", "probabilities", 5}, at::kCPU).probabilities(image);
  EXPECT_EQ(pieces->batches, (std::vector<int64_t>{5, 5, 5, 5, 4}));
  EXPECT_LE((expected - found).abs().max().item<double>(), 1e-6);
}

/// An augmented prediction turns with its input: what the group average is for.
TEST(Predictor, AveragingOverAGroupIsEquivariant) {
  const auto task = make_segmentation({}, 1);
  Predictor predictor({TinySegmenter::random(3, 1, 2)}, *task, {"d4"}, at::kCPU);
  const at::Tensor image = at::rand({1, 3, 8, 8});
  const at::Tensor upright = predictor.probabilities(image);
  for (const View& view : tta_views("d4")) {
    EXPECT_LE((undo_view(predictor.probabilities(apply_view(image, view)), view) - upright).abs().max().item<double>(), 1e-5);
  }
}

TEST(Predictor, EnsembleIsTheMeanOfProbabilities) {
  const auto task = make_segmentation({}, 1);
  const auto first = TinySegmenter::random(3, 1, 1), second = TinySegmenter::random(3, 1, 2);
  const at::Tensor image = at::rand({2, 3, 6, 6});
  for (const char* merge_of : {"probabilities", "logits"}) {
    const PredictorOptions options{"flip", "mean", merge_of};
    const at::Tensor mean = (Predictor({first}, *task, options, at::kCPU).probabilities(image) +
                             Predictor({second}, *task, options, at::kCPU).probabilities(image)) /
                            2;
    Predictor ensemble({first, second}, *task, options, at::kCPU);
    EXPECT_LE((ensemble.probabilities(image) - mean).abs().max().item<double>(), 1e-6);
    EXPECT_FALSE(ensemble.predict(image).logits.defined());
  }
}

TEST(Predictor, LogitsAreThoseOfTheUnchangedView) {
  const auto task = make_segmentation({}, 1);
  const auto net = TinySegmenter::random(3, 1, 1);
  const at::Tensor image = at::rand({2, 3, 6, 6});
  const at::Tensor plain = Predictor({net}, *task, {}, at::kCPU).logits(image);
  for (const std::string& tta : tta_names()) {
    Predictor predictor({net}, *task, {tta}, at::kCPU);
    EXPECT_LE((predictor.predict(image).logits - plain).abs().max().item<double>(), 1e-6) << tta;
    EXPECT_LE((predictor.logits(image) - plain).abs().max().item<double>(), 0) << tta;
  }
}

TEST(Predictor, RecordsNoGraphAndLeavesTheNetworkTrainable) {
  const auto task = make_segmentation({}, 1);
  const auto net = TinySegmenter::random(3, 1, 1);
  net->train();
  const at::Tensor image = at::rand({1, 3, 6, 6});
  const Prediction prediction = Predictor({net}, *task, {"flip"}, at::kCPU).predict(image);
  EXPECT_FALSE(prediction.probabilities.requires_grad());
  EXPECT_FALSE(prediction.logits.requires_grad());
  EXPECT_FALSE(net->is_training());
  net->train();
  net->forward(image).sum().backward();
  EXPECT_TRUE(net->named_parameters()[0].second.grad().defined());
}

/// Every network with every view, in their own order, each as if it were alone; their mean is the prediction.
TEST(Predictor, MembersAreGivenOneByOne) {
  const auto task = make_segmentation({}, 1);
  const auto first = TinySegmenter::random(3, 1, 1), second = TinySegmenter::random(3, 1, 2);
  const at::Tensor image = at::rand({2, 3, 6, 6});
  std::vector<at::Tensor> expected;
  for (const auto& net : {first, second}) {
    Predictor alone({net}, *task, {}, at::kCPU);
    for (const View& view : tta_views("d4")) expected.push_back(undo_view(alone.probabilities(apply_view(image, view)), view));
  }
  for (const char* merge_of : {"probabilities", "logits"}) {
    Predictor predictor({first, second}, *task, {"d4", "mean", merge_of}, at::kCPU);
    EXPECT_EQ(predictor.members(), 16);
    std::vector<at::Tensor> members;
    const Prediction asked = predictor.predict(image, [&](const at::Tensor& member) { members.push_back(member.clone()); });
    ASSERT_EQ(members.size(), expected.size());
    at::Tensor sum = at::zeros_like(expected[0]);
    for (size_t i = 0; i < members.size(); ++i) {
      EXPECT_LE((members[i] - expected[i]).abs().max().item<double>(), 1e-6) << merge_of << " " << i;
      sum += members[i];
    }
    EXPECT_TRUE(at::equal(asked.probabilities, predictor.probabilities(image)));
    if (std::string(merge_of) == "logits") continue;
    EXPECT_LE((sum / 16 - asked.probabilities).abs().max().item<double>(), 1e-6);
  }
}

TEST(Predictor, ASingleMemberIsThePrediction) {
  const auto task = make_segmentation({}, 3);
  Predictor predictor({TinySegmenter::random(3, 3, 1)}, *task, {}, at::kCPU);
  EXPECT_EQ(predictor.members(), 1);
  std::vector<at::Tensor> members;
  const Prediction prediction = predictor.predict(at::rand({2, 3, 6, 6}), [&](const at::Tensor& member) { members.push_back(member); });
  ASSERT_EQ(members.size(), 1u);
  EXPECT_TRUE(at::equal(members[0], prediction.probabilities));
}

TEST(Predictor, LateralTasksKeepTheirSides) {
  const MultiLabelTask lateral(true);
  const auto net = TinySegmenter::random(3, 2, 1);
  for (const std::string& tta : tta_names()) {
    const std::string message = message_of([&] { Predictor({net}, lateral, {tta}, at::kCPU); });
    EXPECT_EQ(message == "no error", tta == "none" || tta == "vflip") << tta << ": " << message;
  }
}

/// More pixels than any machine can address, in no memory of their own.
TEST(PredictorErrors, OutOfMemoryNamesTheBatchAndWhatToLower) {
  const auto task = make_segmentation({}, 1);
  const at::Tensor image = at::zeros({1}).expand({2, 3, 1 << 23, 1 << 23});
  const std::string advice = ": lower the batch (--batch, data.evaluation_batch), eval.images_at_once or data.size";
  const auto net = TinySegmenter::random(3, 1, 1);
  EXPECT_EQ(message_of([&] { Predictor({net}, *task, {}, at::kCPU).predict(image); }),
            "out of memory at batch 2 of 8388608x8388608" + advice);
  EXPECT_EQ(message_of([&] { Predictor({net}, *task, {"d4"}, at::kCPU).predict(image); }),
            "out of memory at batch 2 of 8388608x8388608 in 8 views" + advice);
  EXPECT_EQ(message_of([&] { Predictor({net}, *task, {}, at::kCPU).logits(image); }),
            "out of memory at batch 2 of 8388608x8388608" + advice);
}

TEST(PredictorErrors, WholeMessages) {
  const auto task = make_segmentation({}, 1);
  const MultiLabelTask lateral(true);
  const auto net = TinySegmenter::random(3, 1, 1), other = TinySegmenter::random(4, 2, 1);
  const auto message = [&](const PredictorOptions& options) { return message_of([&] { Predictor({net}, *task, options, at::kCPU); }); };
  EXPECT_EQ(message({"d4", "gmean", "logits"}),
            "merge 'gmean' takes roots, which logits do not have; use merge_of probabilities, or merge mean");
  EXPECT_EQ(message({"d4", "sum"}), "merge 'sum' of probabilities is no probability; use merge mean, or merge_of logits");
  EXPECT_EQ(message_of([&] {
              Predictor({net, other}, *task, {}, at::kCPU);
            }),
            "ensemble: network 2 has 4 input channels and 2 classes, network 1 has 3 and 1; they must be equal");
  EXPECT_EQ(message_of([&] { Predictor({net}, lateral, {"tta1"}, at::kCPU); }),
            "tta 'tta1': this task tells left from right, and mirrored or turned views would swap them; allowed: none, vflip");
  EXPECT_EQ(message_of([&] {
              Predictor({net}, *task, {"d4"}, at::kCPU).predict(at::zeros({1, 3, 4, 6}));
            }),
            "input 4 x 6: quarter turns (tta3, d4) need a square image; pad it to 6 x 6 or use tta2");
}

/// Its second head tells the brightness of the picture's first quarter, which views turn elsewhere.
class LabelledSegmenter final : public models::Segmenter {
 public:
  explicit LabelledSegmenter(double factor) : factor_(factor) {
    info_ = {"labelled", 1, 1, 1};
    info_.label_classes = 2;
  }
  const models::SegmenterInfo& info() const override { return info_; }

 protected:
  at::Tensor forward_checked(const at::Tensor& image) override { return image * factor_; }
  models::SegmenterOutput forward_with_labels_checked(const at::Tensor& image) override {
    const at::Tensor corner = image.narrow(2, 0, image.size(2) / 2).narrow(3, 0, image.size(3) / 2).mean({1, 2, 3}) * factor_;
    return {forward_checked(image), at::stack({corner, -corner}, 1)};
  }

 private:
  double factor_;
  models::SegmenterInfo info_;
};

SegmentationOptions with_label() {
  SegmentationOptions options;
  options.label.column = "tumour_type";
  options.label.classes = {"meningioma", "neurinoma"};
  return options;
}

TEST(Predictor, LabelsAreTheMeanOverViewsAndNetworks) {
  const auto task = make_segmentation(with_label(), 1);
  const at::Tensor image = filled("image", {5, 1, 4, 4}, 3);
  const auto one = std::make_shared<LabelledSegmenter>(2), two = std::make_shared<LabelledSegmenter>(-3);
  const auto labels_of = [&](LabelledSegmenter& network, const at::Tensor& view) {
    return network.forward_with_labels(view).label_logits.softmax(1);
  };
  const Prediction plain = Predictor({one}, *task, {}, at::kCPU).predict(image);
  EXPECT_TRUE(at::allclose(plain.label_probabilities, labels_of(*one, image)));
  EXPECT_TRUE(at::allclose(plain.label_logits.softmax(1), labels_of(*one, image)));
  for (const int64_t pieces : {64, 3}) {
    const Prediction turned = Predictor({one}, *task, {"hflip", "max", "probabilities", pieces}, at::kCPU).predict(image);
    const at::Tensor expected = (labels_of(*one, image) + labels_of(*one, image.flip(3))) / 2;
    EXPECT_TRUE(at::allclose(turned.label_probabilities, expected)) << pieces;
    EXPECT_TRUE(at::allclose(turned.label_logits.softmax(1), labels_of(*one, image))) << pieces;
  }
  const Prediction both = Predictor({one, two}, *task, {}, at::kCPU).predict(image);
  EXPECT_TRUE(at::allclose(both.label_probabilities, (labels_of(*one, image) + labels_of(*two, image)) / 2));
  EXPECT_FALSE(both.label_logits.defined());
}

TEST(Predictor, ALabelIsOnlyAskedForWhereTheTaskHasOne) {
  const auto task = make_segmentation({}, 1);
  EXPECT_FALSE(Predictor({std::make_shared<LabelledSegmenter>(2)}, *task, {}, at::kCPU)
                   .predict(at::zeros({1, 1, 4, 4}))
                   .label_probabilities.defined());
  SegmentationOptions three = with_label();
  three.label.classes.emplace_back("glioblastoma");
  const auto other = make_segmentation(three, 1);
  EXPECT_EQ(message_of([&] { Predictor({std::make_shared<LabelledSegmenter>(2)}, *other, {}, at::kCPU); }),
            "model.aux_classes: 2 does not fit task.label_classes; the classification head of tumour_type must have 3 classes");
}

}  // namespace
}  // namespace larmor::eval
