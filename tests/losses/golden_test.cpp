// Losses and gradients of segmentation_models.pytorch, MONAI and torch.nn. The libraries' options are translated to ours by keyword;
// a case with a class or keyword that has no counterpart here is listed as skipped.
#include "tests/support/golden.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/config.h"
#include "core/tensors.h"
#include "losses/registry.h"
#include "tests/losses/support.h"

namespace larmor::losses {
namespace {

using Json = nlohmann::json;

struct NotOffered {
  std::string what;
};

/// A loss of ours as a recipe would write it.
struct Ours {
  std::string expression;
  Json options = Json::object();
};

/// A case's keyword arguments; each must be taken.
class Keywords {
 public:
  explicit Keywords(Json all) : all_(std::move(all)) {}
  Json take(const std::string& key, Json otherwise) {
    if (!all_.contains(key)) return otherwise;
    Json value = all_[key];
    all_.erase(key);
    return value;
  }
  /// Copies a keyword that is called `ours` here.
  void pass(const std::string& key, Json& options, const std::string& ours) {
    if (all_.contains(key)) options[ours] = take(key, nullptr);
  }
  void pass(const std::string& key, Json& options) { pass(key, options, key); }
  void expect_none_left() const {
    if (!all_.empty()) throw NotOffered{"keyword " + all_.begin().key()};
  }

 private:
  Json all_;
};

/// What a translation may look at besides the keywords.
struct Data {
  int64_t classes = 1;
  bool has_labels = false;  ///< class indices rather than values
  std::string activation;   ///< applied by the script before the loss: "", sigmoid, softmax
};

// ------------------------------------------------------------------ segmentation_models.pytorch

/// Losses here take logits; a library's loss on sigmoid(x) or softmax(x) is the same function of x.
void take_activation(Keywords& keywords, const Data& data) {
  const bool from_logits = keywords.take("from_logits", true);
  if (from_logits != data.activation.empty()) throw NotOffered{"activation"};
}

Ours smp_overlap(const std::string& name, Keywords& keywords, const Data& data) {
  take_activation(keywords, data);
  keywords.take("mode", nullptr);
  Ours ours{name};
  Json& options = ours.options[name];
  for (const char* key : {"smooth", "eps", "classes", "class_weights", "ignore_index"}) keywords.pass(key, options);
  keywords.pass("log_loss", options, "log");
  // Its Dice is Tversky with halves, so smooth stands beside I, not beside 2 I.
  if (name == "dice" && options.contains("smooth")) options["smooth"] = 2 * options["smooth"].get<double>();
  if (name == "tversky") {
    for (const char* key : {"alpha", "beta", "gamma"}) keywords.pass(key, options);
  }
  return ours;
}

Ours smp_focal(Keywords& keywords, const Data& data) {
  take_activation(keywords, data);
  keywords.take("mode", nullptr);
  Ours ours{"focal"};
  for (const char* key : {"alpha", "gamma", "normalized", "reduced_threshold", "class_weights", "reduction", "ignore_index"}) {
    keywords.pass(key, ours.options["focal"]);
  }
  return ours;
}

Ours smp_lovasz(Keywords& keywords, const Data& data) {
  take_activation(keywords, data);
  keywords.take("mode", nullptr);
  Ours ours{"lovasz"};
  keywords.pass("per_image", ours.options["lovasz"]);
  keywords.pass("ignore_index", ours.options["lovasz"]);
  return ours;
}

Ours smp_soft_bce(Keywords& keywords) {
  Ours ours{"bce", {{"bce", {{"ignore_average", "smp"}}}}};
  for (const char* key : {"pos_weight", "smooth_factor", "reduction", "ignore_index"}) keywords.pass(key, ours.options["bce"]);
  return ours;
}

Ours smp_soft_cross_entropy(Keywords& keywords) {
  Ours ours{"cross_entropy", {{"cross_entropy", {{"ignore_average", "smp"}}}}};
  keywords.pass("smooth_factor", ours.options["cross_entropy"], "label_smoothing");
  for (const char* key : {"reduction", "ignore_index"}) keywords.pass(key, ours.options["cross_entropy"]);
  return ours;
}

Ours smp_mcc(Keywords& keywords, const Data& data) {
  if (data.activation != "sigmoid") throw NotOffered{"probabilities as input"};
  Ours ours{"mcc"};
  keywords.pass("eps", ours.options["mcc"]);
  return ours;
}

Ours translate_smp(const std::string& name, Keywords& keywords, const Data& data) {
  if (name == "DiceLoss") return smp_overlap("dice", keywords, data);
  if (name == "JaccardLoss") return smp_overlap("jaccard", keywords, data);
  if (name == "TverskyLoss") return smp_overlap("tversky", keywords, data);
  if (name == "FocalLoss") return smp_focal(keywords, data);
  if (name == "LovaszLoss") return smp_lovasz(keywords, data);
  if (name == "SoftBCEWithLogitsLoss") return smp_soft_bce(keywords);
  if (name == "SoftCrossEntropyLoss") return smp_soft_cross_entropy(keywords);
  if (name == "MCCLoss") return smp_mcc(keywords, data);
  throw NotOffered{"class"};
}

// ------------------------------------------------------------------ MONAI

/// Labels go through a softmax, values through a sigmoid: what the keywords ask for must be that.
void take_monai_activation(Keywords& keywords, const Data& data) {
  const bool softmax = keywords.take("softmax", false), sigmoid = keywords.take("sigmoid", false);
  const bool onehot = keywords.take("to_onehot_y", false);
  if (softmax == sigmoid || softmax != data.has_labels || onehot != data.has_labels) throw NotOffered{"activation"};
}

/// include_background, batch, smooth_nr, smooth_dr.
Json monai_region(Keywords& keywords, const Data& data) {
  Json options;
  if (!keywords.take("include_background", true) && data.classes > 1) {
    for (int64_t i = 1; i < data.classes; ++i) options["classes"].push_back(i);
  }
  options["pooling"] = keywords.take("batch", false) ? "batch" : "sample";
  options["smooth"] = keywords.take("smooth_nr", 1e-5);
  options["smooth_denominator"] = keywords.take("smooth_dr", 1e-5);
  return options;
}

Ours monai_dice(Keywords& keywords, const Data& data) {
  take_monai_activation(keywords, data);
  Json options = monai_region(keywords, data);
  options["empty_target"] = "formula";
  keywords.pass("squared_pred", options, "squared");
  if (!keywords.take("jaccard", false)) return {"dice", {{"dice", options}}};
  for (const char* key : {"smooth", "smooth_denominator"}) options[key] = options[key].get<double>() / 2;
  return {"jaccard", {{"jaccard", options}}};
}

Ours monai_tversky(Keywords& keywords, const Data& data) {
  take_monai_activation(keywords, data);
  Json options = monai_region(keywords, data);
  options["empty_target"] = "formula";
  keywords.pass("alpha", options);
  keywords.pass("beta", options);
  return {"tversky", {{"tversky", options}}};
}

Ours monai_generalised_dice(Keywords& keywords, const Data& data) {
  take_monai_activation(keywords, data);
  Json options = monai_region(keywords, data);
  keywords.pass("w_type", options, "weights");
  return {"generalised_dice", {{"generalised_dice", options}}};
}

Ours monai_focal(Keywords& keywords, const Data& data) {
  if (keywords.take("to_onehot_y", false) != data.has_labels) throw NotOffered{"to_onehot_y"};
  Ours ours{"focal"};
  ours.options["focal"]["activation"] = keywords.take("use_softmax", false) ? "softmax" : "sigmoid";
  keywords.pass("gamma", ours.options["focal"]);
  keywords.pass("alpha", ours.options["focal"]);
  return ours;
}

std::string weighted(const Json& weight, const std::string& name) { return weight.dump() + "*" + name; }

double mean_of(const Json& numbers) {
  const std::vector<double> values = numbers.get<std::vector<double>>();
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// One channel: binary cross-entropy. Values on several channels are read as class probabilities.
Ours monai_dice_ce(Keywords& keywords, const Data& data) {
  const Json dice_weight = keywords.take("lambda_dice", 1.0), ce_weight = keywords.take("lambda_ce", 1.0);
  const Json class_weight = keywords.take("weight", nullptr);
  const std::string ce = data.classes == 1 ? "bce" : "cross_entropy";
  Ours ours = monai_dice(keywords, data);
  double scale = 1;
  if (!class_weight.is_null()) {
    ours.options[ce][data.classes == 1 ? "pos_weight" : "weight"] = class_weight;
    if (data.classes > 1) ours.options[ours.expression]["class_weights"] = class_weight;
    // It multiplies each class's Dice by its weight and divides by the number of classes.
    if (data.classes > 1) scale = mean_of(class_weight);
  }
  ours.expression = weighted(scale * dice_weight.get<double>(), ours.expression) + " + " + weighted(ce_weight, ce);
  return ours;
}

/// Its focal term stays one-vs-rest, softmax or not.
Ours monai_dice_focal(Keywords& keywords, const Data& data) {
  const Json dice_weight = keywords.take("lambda_dice", 1.0), focal_weight = keywords.take("lambda_focal", 1.0);
  Ours ours = monai_dice(keywords, data);
  keywords.pass("gamma", ours.options["focal"]);
  keywords.pass("alpha", ours.options["focal"]);
  ours.expression = weighted(dice_weight, ours.expression) + " + " + weighted(focal_weight, "focal");
  return ours;
}

Ours translate_monai(const std::string& name, Keywords& keywords, const Data& data) {
  if (name == "DiceLoss") return monai_dice(keywords, data);
  if (name == "TverskyLoss") return monai_tversky(keywords, data);
  if (name == "GeneralizedDiceLoss") return monai_generalised_dice(keywords, data);
  if (name == "FocalLoss") return monai_focal(keywords, data);
  if (name == "DiceCELoss") return monai_dice_ce(keywords, data);
  if (name == "DiceFocalLoss") return monai_dice_focal(keywords, data);
  throw NotOffered{"class"};
}

// ------------------------------------------------------------------ torch.nn

Ours translate_torch(const std::string& name, Keywords& keywords) {
  Ours ours;
  if (name == "CrossEntropyLoss") {
    ours.expression = "cross_entropy";
    for (const char* key : {"weight", "label_smoothing", "ignore_index", "reduction"}) keywords.pass(key, ours.options["cross_entropy"]);
  } else if (name == "BCEWithLogitsLoss") {
    ours.expression = "bce";
    for (const char* key : {"pos_weight", "reduction"}) keywords.pass(key, ours.options["bce"]);
  } else {
    throw NotOffered{"class"};
  }
  return ours;
}

// ------------------------------------------------------------------ the test

double number(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

class LossesGolden : public ::testing::Test {
 protected:
  void load() {
    const auto json = larmor::testing::golden_file("losses.json"), tensors = larmor::testing::golden_file("losses.safetensors");
    cases_ = Json::parse(std::ifstream(json))["cases"];
    for (const auto& [name, tensor] : load_tensors(tensors)) tensors_[name] = tensor;
  }

  Ours translate(const Json& row) const {
    if (row.contains("error")) throw NotOffered{"the library raises"};
    const at::Tensor &logits = tensors_.at(row["input"]), &target = tensors_.at(row["target"]);
    Data data{logits.size(1), !target.is_floating_point() && logits.size(1) > 1, row.value("activation_before_loss", "")};
    Keywords keywords(row["kwargs"]);
    const std::string library = row["lib"], name = row["class"];
    Ours ours = library == "smp"     ? translate_smp(name, keywords, data)
                : library == "monai" ? translate_monai(name, keywords, data)
                : library == "torch" ? translate_torch(name, keywords)
                                     : throw NotOffered{"library"};
    keywords.expect_none_left();
    return ours;
  }

  void check(const Json& row, const Ours& ours, const std::string& name) const {
    const std::unique_ptr<Loss> loss = make_loss(ours.expression, parse_yaml(ours.options.dump(), name));
    const at::Tensor& logits = tensors_.at(row["input"]);
    const at::Tensor& target = tensors_.at(row["target"]);
    const auto [value, gradient] = testing::differentiate(*loss, logits, target);
    check_value(value.item<double>(), number(row["value"]), 1e-5, 1e-6, name);
    if (row.contains("value_fp64")) {
      const double exact = (*loss)(logits.to(at::kDouble), target).item<double>();
      check_value(exact, number(row["value_fp64"]), 1e-7, 1e-9, name + " in double");  // some keep their weights in float32
    }
    if (!row["grad"].is_null()) check_gradient(row, gradient, name);
  }

 private:
  /// Where the library has NaN the loss here is finite.
  static void check_value(double value, double expected, double relative, double absolute, const std::string& name) {
    EXPECT_TRUE(std::isfinite(value)) << name;
    if (!std::isfinite(expected)) return;
    EXPECT_NEAR(value, expected, relative * std::abs(expected) + absolute) << name;
  }

  void check_gradient(const Json& row, const at::Tensor& gradient, const std::string& name) const {
    EXPECT_TRUE(at::isfinite(gradient).all().item<bool>()) << name;
    const at::Tensor& expected = tensors_.at(row["grad"]);
    if (!at::isfinite(expected).all().item<bool>()) return;
    const double rounding = number(row.value("grad_fp32_vs_fp64_max_abs", Json(0.0)));
    const double tolerance = 1e-6 + 1e-5 * number(row["grad_l2"]) + 2 * (std::isfinite(rounding) ? rounding : 0);
    EXPECT_LE((gradient - expected).abs().max().item<double>(), tolerance) << name;
  }

 protected:
  Json cases_;
  std::map<std::string, at::Tensor> tensors_;
};

TEST_F(LossesGolden, EqualTheLibraries) {
  LARMOR_NEEDS(larmor::testing::golden_file("losses.json"), "losses.json");
  LARMOR_NEEDS(larmor::testing::golden_file("losses.safetensors"), "losses.safetensors");
  load();
  int run = 0, skipped = 0;
  for (const Json& row : cases_) {
    const std::string name = row["id"].get<std::string>() + " " + row["lib"].get<std::string>() + " " + row["class"].get<std::string>() +
                             " " + row["kwargs"].dump() + " on " + row["target"].get<std::string>();
    try {
      check(row, translate(row), name);
      ++run;
    } catch (const NotOffered& missing) {
      std::cout << "skipped " << name << ": " << missing.what << "\n";
      ++skipped;
    }
  }
  std::cout << run << " cases run, " << skipped << " skipped\n";
  EXPECT_GT(run, 0);
}

}  // namespace
}  // namespace larmor::losses
