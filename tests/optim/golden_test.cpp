// Trajectories of torch, timm, over9000, lessw2020, pytorch_optimizer and the authors' RAdam. The libraries' classes and keywords are
// translated to our names; a case with a class or keyword that has no counterpart here is listed as skipped.
#include "tests/support/golden.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "core/tensors.h"
#include "tests/optim/support.h"
#include "tests/support/hash_fill.h"

namespace larmor::optim {
namespace {

using Json = nlohmann::json;

Json read_json(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return Json::parse(stream);
}

struct NotOffered {
  std::string what;
};

[[noreturn]] void not_offered(const std::string& what) { throw NotOffered{what}; }

/// An optimizer of ours.
struct Ours {
  std::string name;
  Json options;
  bool is_evaluated = false;  ///< the case is about the weights to evaluate
};

using Keywords = std::map<std::string, std::string>;

/// A class of a library: our name, the library's defaults as our options, its keywords as our options.
struct Translation {
  std::string name;
  Json defaults = Json::object();
  Keywords keywords;
  /// For keywords that are not in the list; throws NotOffered.
  std::function<void(const std::string& keyword, const Json& value, Json& options)> special;
};

const Keywords& moment_keywords() {
  static const Keywords all = {{"lr", "lr"}, {"betas", "betas"}, {"eps", "eps"}, {"weight_decay", "weight_decay"}};
  return all;
}

/// Keywords that have the same name here.
Keywords moments_and(const std::vector<std::string>& more) {
  Keywords all = moment_keywords();
  for (const std::string& name : more) all[name] = name;
  return all;
}

Keywords same(const std::vector<std::string>& names) {
  Keywords all;
  for (const std::string& name : names) all[name] = name;
  return all;
}

void take_warmup(const std::string& keyword, const Json& value, Json& options) {
  if (keyword != "degenerated_to_sgd") not_offered("keyword " + keyword);
  options["warmup"] = value.get<bool>() ? "sgd" : "skip";
}

void take_radam_decay(const std::string& keyword, const Json& value, Json& options) {
  if (keyword != "decoupled_weight_decay") not_offered("keyword " + keyword);
  options["decay"] = value.get<bool>() ? "decoupled" : "coupled";
}

/// lessw2020's ranger.py accepts use_gc and never reads it.
void take_ranger(const std::string& keyword, const Json& value, Json& options) {
  if (keyword == "use_gc") return;
  if (keyword != "gc_conv_only") not_offered("keyword " + keyword);
  if (value.get<bool>()) options["gc"] = "conv";
}

void take_ranger2020(const std::string& keyword, const Json& value, Json& options) {
  if (keyword == "use_gc") {
    if (!value.get<bool>()) options["gc"] = "off";
  } else if (keyword == "gc_loc") {
    options["centralise"] = value.get<bool>() ? "gradient" : "update";
  } else {
    take_ranger(keyword, value, options);
  }
}

void take_adan_decay(const std::string& keyword, const Json& value, Json& options) {
  if (keyword != "weight_decouple" && keyword != "no_prox") not_offered("keyword " + keyword);
  options["decay"] = value.get<bool>() ? "weights" : "proximal";
}

/// Of the optimizer inside.
const Keywords& inner_keywords() {
  static const Keywords all = {
      {"lr", "lr"}, {"betas", "betas"}, {"eps", "eps"}, {"weight_decay", "weight_decay"}, {"momentum", "momentum"}};
  return all;
}

const Json kNoNames = Json::array();

const std::map<std::string, Translation>& translations() {
  static const std::map<std::string, Translation> all = {
      {"torch.SGD", {"sgd", {{"lr", 1e-3}}, same({"lr", "momentum", "dampening", "nesterov", "weight_decay"}), {}}},
      {"torch.Adam", {"adam", Json::object(), moments_and({"amsgrad"}), {}}},
      {"torch.AdamW", {"adamw", Json::object(), moments_and({"amsgrad"}), {}}},
      {"torch.NAdam", {"nadam", Json::object(), moments_and({"momentum_decay", "decoupled_weight_decay"}), {}}},
      {"torch.RAdam", {"radam", {{"decay", "coupled"}}, moment_keywords(), take_radam_decay}},
      {"torch.RMSprop", {"rmsprop", Json::object(), same({"lr", "alpha", "eps", "momentum", "centered", "weight_decay"}), {}}},
      {"torch.Adagrad", {"adagrad", Json::object(), same({"lr", "lr_decay", "eps", "weight_decay"}), {}}},
      {"over9000.RAdam", {"radam", Json::object(), moment_keywords(), {}}},
      {"over9000.PlainRAdam", {"radam", Json::object(), moment_keywords(), {}}},
      {"over9000.Ralamb", {"ralamb", Json::object(), moment_keywords(), {}}},
      {"over9000_64c3e9a.Ralamb", {"ralamb_true", Json::object(), moment_keywords(), {}}},
      {"over9000.Ranger", {"ranger", Json::object(), moments_and({"k", "alpha"}), {}}},
      {"over9000.RangerLars", {"rangerlars", Json::object(), moments_and({"k", "alpha"}), {}}},
      {"over9000.LookaheadAdam", {"lookahead", {{"inner", "adam"}, {"start", "lazy"}, {"k", 6}}, same({"k", "alpha"}), {}}},
      {"over9000.Lamb", {"lamb_cyber", Json::object(), moment_keywords(), {}}},
      {"over9000.Novograd", {"novograd", {{"betas", {0.95, 0}}}, moments_and({"grad_averaging"}), {}}},
      {"LiyuanLucasLiu.RAdam", {"radam", {{"warmup", "skip"}}, moment_keywords(), take_warmup}},
      {"lessw.ranger", {"ranger_lessw", Json::object(), moments_and({"k", "alpha"}), take_ranger}},
      {"lessw.ranger2020", {"ranger_lessw", {{"decay", "update"}}, moments_and({"k", "alpha"}), take_ranger2020}},
      {"po.RAdam", {"radam", {{"warmup", "skip"}}, moment_keywords(), take_warmup}},
      {"po.NovoGrad", {"novograd", Json::object(), moments_and({"grad_averaging"}), {}}},
      {"po.Lookahead_AdamW", {"lookahead", {{"inner", "adamw"}, {"start", "eager"}, {"k", 5}}, same({"k", "alpha"}), {}}},
      {"timm.RAdamLegacy", {"radam", Json::object(), moment_keywords(), {}}},
      {"timm.NAdamLegacy", {"nadam", Json::object(), moment_keywords(), {}}},
      {"timm.Lamb", {"lamb", Json::object(), moments_and({"max_grad_norm", "trust_clip", "always_adapt"}), {}}},
      {"timm.Lars",
       {"lars",
        Json::object(),
        {{"lr", "lr"},
         {"momentum", "momentum"},
         {"dampening", "dampening"},
         {"nesterov", "nesterov"},
         {"weight_decay", "weight_decay"},
         {"trust_coeff", "trust_coefficient"},
         {"eps", "eps"},
         {"trust_clip", "trust_clip"},
         {"always_adapt", "always_adapt"}},
        {}}},
      {"timm.NvNovoGrad", {"novograd", Json::object(), moments_and({"grad_averaging"}), {}}},
      {"po.Lion", {"lion", Json::object(), same({"lr", "betas", "weight_decay"}), {}}},
      {"timm.Lion", {"lion", Json::object(), same({"lr", "betas", "weight_decay"}), {}}},
      {"po.AdaBelief", {"adabelief", {{"rectify", false}}, moments_and({"rectify"}), {}}},
      {"timm.AdaBelief", {"adabelief", Json::object(), moments_and({"rectify"}), {}}},
      {"po.Adan", {"adan", Json::object(), moment_keywords(), take_adan_decay}},
      {"timm.Adan", {"adan", Json::object(), moment_keywords(), take_adan_decay}},
      {"po.MADGRAD", {"madgrad", {{"lr", 1e-3}}, same({"lr", "momentum", "eps", "weight_decay"}), {}}},
      {"timm.MADGRAD", {"madgrad", Json::object(), same({"lr", "momentum", "eps", "weight_decay"}), {}}},
      {"po.ScheduleFreeAdamW", {"schedulefree_adamw", Json::object(), moments_and({"warmup_steps", "r", "weight_lr_power"}), {}}},
      {"torch.Muon",
       {"muon",
        {{"lr", 1e-3}, {"weight_decay", 0.1}, {"adamw_names", kNoNames}},
        {{"lr", "lr"},
         {"momentum", "momentum"},
         {"nesterov", "nesterov"},
         {"weight_decay", "weight_decay"},
         {"ns_steps", "newton_schulz_steps"}},
        {}}},
      {"po.Muon",
       {"muon",
        {{"weight_decay", 0.01}, {"adamw_names", kNoNames}},
        {{"lr", "lr"},
         {"momentum", "momentum"},
         {"nesterov", "nesterov"},
         {"weight_decay", "weight_decay"},
         {"ns_steps", "newton_schulz_steps"},
         {"adamw_lr", "adamw_lr"},
         {"adamw_betas", "adamw_betas"},
         {"adamw_eps", "adamw_eps"},
         {"adamw_wd", "adamw_weight_decay"}},
        {}}},
      {"po.SAM_SGD", {"sam", {{"inner", "sgd"}}, same({"rho"}), {}}},
      {"po.ASAM_AdamW", {"sam", {{"inner", "adamw"}, {"adaptive", true}, {"rho", 0.5}}, same({"rho"}), {}}},
      {"timm.Lookahead_AdamW", {"lookahead", {{"inner", "adamw"}, {"start", "lazy"}, {"k", 6}}, same({"k", "alpha"}), {}}},
  };
  return all;
}

/// "lessw.ranger.gc_conv_only/wd0.01" → class "lessw.ranger", variant "gc_conv_only".
struct CaseName {
  std::string library_class;
  std::string variant;
};

CaseName parse_name(const std::string& id) {
  static const std::regex form(R"(([^./]+\.[^./]+)(?:\.([^/]*))?(?:/.*)?)");
  std::smatch match;
  if (!std::regex_match(id, match, form)) not_offered("unknown form of name");
  return {match[1], match[2]};
}

Ours translate(const Json& test_case) {
  const auto [library_class, variant] = parse_name(test_case.at("id"));
  const auto found = translations().find(library_class);
  if (found == translations().end()) not_offered("class " + library_class);
  const std::string values = test_case.value("values", "");
  if (!values.empty() && !values.starts_with("after opt.eval()")) not_offered("values " + values);
  const Translation& translation = found->second;
  Ours ours{translation.name, translation.defaults, !values.empty()};
  const bool holds_another = translation.name == "lookahead" || translation.name == "sam";
  // Switched off through an internal threshold there, not through a keyword.
  if (variant == "gc_really_off") ours.options["gc"] = "off";
  for (const auto& [keyword, value] : test_case.at("kwargs").items()) {
    const auto option = translation.keywords.find(keyword);
    if (option != translation.keywords.end()) {
      ours.options[option->second] = value;
    } else if (holds_another && inner_keywords().contains(keyword)) {
      ours.options["inner_options"][keyword] = value;
    } else if (translation.special) {
      translation.special(keyword, value, ours.options);
    } else {
      not_offered("keyword " + keyword);
    }
  }
  return ours;
}

/// The problem of optim.json: its parameters by name, in the order of the file's columns.
class Problem {
 public:
  using Shape = std::vector<int64_t>;

  explicit Problem(const Json& golden) : seed_(golden.at("seed")) {
    static const std::regex entry(R"((\w+)\(([\d,]*)\))");
    const std::string layout = golden.at("layout");
    for (std::sregex_iterator it(layout.begin(), layout.end(), entry), end; it != end; ++it) {
      Shape shape;
      std::istringstream dimensions((*it)[2]);
      for (std::string size; std::getline(dimensions, size, ',');) shape.push_back(std::stoll(size));
      shapes_.emplace_back((*it)[1], shape);
    }
  }

  const std::vector<std::pair<std::string, Shape>>& shapes() const { return shapes_; }

  at::Tensor start(const std::string& name) const {
    if (name == "bias") return at::zeros(shape(name));
    static const std::map<std::string, std::pair<double, double>> laws = {
        {"conv", {0.5, 0}}, {"bn", {0.1, 1}}, {"mat", {4.2, 0}}, {"scalar", {0.5, 0.5}}};
    const auto [scale, shift] = laws.at(name);
    return fill("p." + name, name, scale, shift);
  }
  at::Tensor minimum(const std::string& name) const {
    static const std::map<std::string, std::pair<double, double>> laws = {
        {"conv", {0.5, 0}}, {"bias", {0.5, 0}}, {"bn", {0.5, 1}}, {"mat", {3, 0}}, {"scalar", {1, 0}}};
    const auto [scale, shift] = laws.at(name);
    return fill("min." + name, name, scale, shift);
  }
  at::Tensor curvature(const std::string& name) const { return fill("curv." + name, name, 0.9, 1.1); }
  at::Tensor noise(const std::string& name, int64_t t) const { return fill("noise." + name + "." + std::to_string(t), name, 0.3, 0); }

 private:
  const Shape& shape(const std::string& name) const {
    const auto found = std::find_if(shapes_.begin(), shapes_.end(), [&](const auto& entry) { return entry.first == name; });
    return found->second;
  }
  at::Tensor fill(const std::string& key, const std::string& name, double scale, double shift) const {
    const at::Tensor tensor = at::empty(shape(name));
    const std::vector<float> values = larmor::testing::hash_fill(key, tensor.numel(), seed_, scale, shift);
    std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
    return tensor;
  }

  uint64_t seed_;
  std::vector<std::pair<std::string, Shape>> shapes_;
};

/// One case under way.
struct Trial {
  struct Parameter {
    std::string name;
    at::Tensor value, minimum, curvature;
  };
  std::vector<Parameter> parameters;
  std::unique_ptr<Optimizer> optimizer;
  double lr = 0;
  bool is_evaluated = false;
};

std::vector<ParameterGroup> groups_of(const Json& test_case, const Trial& trial) {
  if (!test_case.contains("groups")) {
    ParameterGroup all;
    for (const Trial::Parameter& parameter : trial.parameters) all.parameters.emplace_back(parameter.name, parameter.value);
    return {all};
  }
  std::vector<ParameterGroup> groups;
  for (const Json& given : test_case.at("groups")) {
    ParameterGroup group;
    group.lr_factor = given.value("lr", trial.lr) / trial.lr;
    if (given.contains("weight_decay")) group.weight_decay = given.at("weight_decay").get<double>();
    const std::vector<std::string> names = given.at("params");
    for (const Trial::Parameter& parameter : trial.parameters) {
      if (std::find(names.begin(), names.end(), parameter.name) != names.end())
        group.parameters.emplace_back(parameter.name, parameter.value);
    }
    groups.push_back(group);
  }
  return groups;
}

Trial make_run(const Json& test_case, const Problem& problem, const Ours& ours) {
  Trial trial;
  trial.is_evaluated = ours.is_evaluated;
  const std::vector<std::string> only = test_case.value("only_params", std::vector<std::string>{});
  for (const auto& [name, shape] : problem.shapes()) {
    if (!only.empty() && std::find(only.begin(), only.end(), name) == only.end()) continue;
    trial.parameters.push_back({name, make_parameter(problem.start(name)), problem.minimum(name), problem.curvature(name)});
  }
  trial.lr = make_optimizer(ours.name, ours.options.dump(), {})->default_lr();
  trial.optimizer = make_optimizer(ours.name, ours.options.dump(), groups_of(test_case, trial));
  return trial;
}

double lr_at(const Json& test_case, double lr, int64_t t) {
  if (!test_case.contains("lr_at_step_t")) return lr;
  static const std::regex form(R"(lr \* \(1 - \(t-1\)/(\d+)\))");
  const std::string formula = test_case.at("lr_at_step_t");
  std::smatch match;
  if (!std::regex_match(formula, match, form)) not_offered("schedule " + formula);
  return lr * (1 - static_cast<double>(t - 1) / std::stod(match[1]));
}

at::Tensor flat(const Trial& trial) {
  const NamedTensors evaluated = trial.is_evaluated ? trial.optimizer->evaluation_weights() : NamedTensors();
  const std::map<std::string, at::Tensor> averages(evaluated.begin(), evaluated.end());
  std::vector<at::Tensor> parts;
  for (const Trial::Parameter& parameter : trial.parameters) {
    const at::Tensor value = trial.is_evaluated ? averages.at(parameter.name) : parameter.value.detach();
    parts.push_back(value.reshape({-1}));
  }
  return at::cat(parts);
}

void set_gradients(const Trial& trial, const Problem& problem, int64_t t) {
  for (const Trial::Parameter& parameter : trial.parameters) {
    const at::Tensor slope = parameter.curvature * (parameter.value.detach() - parameter.minimum);
    set_gradient(parameter.value, slope + problem.noise(parameter.name, t));
  }
}

void step(Trial& trial, const Problem& problem, int64_t t, double lr) {
  set_gradients(trial, problem, t);
  if (trial.optimizer->needs_second_pass()) {
    trial.optimizer->perturb();
    set_gradients(trial, problem, t);
  }
  trial.optimizer->step(lr);
}

/// As the golden files' README has it: rounding to bfloat16 is chaotic in the long run.
double tolerance_at(int64_t t, double rounding, const Ours& ours) {
  const double usual = 1e-6 + 3 * rounding;
  return ours.name == "muon" && t >= 50 ? std::max(usual, 5e-3) : usual;
}

/// "" or the first step that differs.
std::string compare(const Json& golden, const Json& test_case, const at::Tensor& expected, const Problem& problem, const Ours& ours) {
  Trial trial = make_run(test_case, problem, ours);
  const std::vector<int64_t> steps = golden.at("steps");
  const std::vector<double> rounding = test_case.at("fp32_vs_fp64_max_abs_per_step");
  int64_t t = 0;
  for (size_t row = 0; row < steps.size(); ++row) {
    while (t < steps[row]) {
      ++t;
      step(trial, problem, t, lr_at(test_case, trial.lr, t));
    }
    const double error = distance(flat(trial), expected[static_cast<int64_t>(row)]);
    const double tolerance = tolerance_at(t, rounding[row], ours);
    if (!(error <= tolerance)) {
      return "step " + std::to_string(t) + ": off by " + std::to_string(error * 1e6) + "e-6, allowed " + std::to_string(tolerance * 1e6) +
             "e-6";
    }
  }
  return "";
}

std::map<std::string, at::Tensor> read_golden_tensors() {
  const NamedTensors tensors = load_tensors(larmor::testing::golden_file("optim.safetensors"));
  return {tensors.begin(), tensors.end()};
}

class OptimGolden : public ::testing::Test {
 protected:
  void SetUp() override {
    LARMOR_NEEDS(larmor::testing::golden_file("optim.json"), "optim.json");
    LARMOR_NEEDS(larmor::testing::golden_file("optim.safetensors"), "optim.safetensors");
    golden_ = read_json(larmor::testing::golden_file("optim.json"));
    tensors_ = read_golden_tensors();
  }
  Json golden_;
  std::map<std::string, at::Tensor> tensors_;
};

TEST_F(OptimGolden, TheProblemIsRebuiltExactly) {
  const Problem problem(golden_);
  ASSERT_FALSE(problem.shapes().empty());
  for (const auto& [name, shape] : problem.shapes()) {
    const at::Tensor start = problem.start(name).reshape({-1});
    const at::Tensor slope = problem.curvature(name) * (problem.start(name) - problem.minimum(name));
    const at::Tensor gradient = (slope + problem.noise(name, 1)).reshape({-1});
    const std::vector<double> first = golden_.at("start").at(name);
    const std::vector<double> first_gradient = golden_.at("grad_step1").at(name);
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_NEAR(start[static_cast<int64_t>(i)].item<double>(), first[i], 1e-7) << name;
      EXPECT_NEAR(gradient[static_cast<int64_t>(i)].item<double>(), first_gradient[i], 1e-6) << name;
    }
    EXPECT_NEAR(start.to(at::kDouble).norm().item<double>(), golden_.at("start_l2").at(name).get<double>(), 1e-6) << name;
  }
}

TEST_F(OptimGolden, TrajectoriesAgree) {
  const Problem problem(golden_);
  int run = 0;
  int skipped = 0;
  for (const Json& test_case : golden_.at("cases")) {
    const std::string id = test_case.at("id");
    try {
      const Ours ours = translate(test_case);
      EXPECT_EQ(compare(golden_, test_case, tensors_.at(id), problem, ours), "") << id << " as " << ours.name << " " << ours.options;
      ++run;
    } catch (const NotOffered& missing) {
      std::cout << "skipped: " << id << " (" << missing.what << ")\n";
      ++skipped;
    }
  }
  std::cout << "optimizer trajectories: " << run << " run, " << skipped << " skipped\n";
  EXPECT_GT(run, 0);
}

double loss_at(const Trial& trial, const at::Tensor& values) {
  double loss = 0;
  int64_t column = 0;
  for (const Trial::Parameter& parameter : trial.parameters) {
    const int64_t count = parameter.value.numel();
    const at::Tensor value = values.slice(0, column, column + count).reshape(parameter.value.sizes());
    loss += (parameter.curvature * at::square(value - parameter.minimum)).sum().item<double>() / 2;
    column += count;
  }
  return loss;
}

/// A published Ranger walks uphill in its first steps; ours must not.
TEST_F(OptimGolden, RangerGoesDownFromTheFirstStep) {
  const Problem problem(golden_);
  int checked = 0;
  for (const Json& test_case : golden_.at("cases")) {
    const std::string id = test_case.at("id");
    if (id.find("NEGATIVE_ascends") == std::string::npos) continue;
    ++checked;
    Trial trial = make_run(test_case, problem, {"ranger", test_case.at("kwargs")});
    double last = loss_at(trial, flat(trial));
    EXPECT_GT(loss_at(trial, tensors_.at(id)[0]), last) << id << " does not show the defect";
    const std::vector<int64_t> steps = golden_.at("steps");
    for (int64_t t = 1; t <= std::min<int64_t>(steps.back(), 8); ++t) {
      step(trial, problem, t, trial.lr);
      const double loss = loss_at(trial, flat(trial));
      EXPECT_LT(loss, last) << "step " << t;
      last = loss;
    }
  }
  std::cout << "cases of a Ranger that ascends: " << checked << "\n";
  if (checked == 0) GTEST_SKIP() << "optim.json holds no case of a Ranger that ascends";
}

/// Parameters a, b, z on a bowl.
class Toy {
 public:
  Toy(const Json& problem, at::ScalarType type) : lr_(problem.at("lr")) {
    for (const auto& [name, start] : problem.at("start").items()) {
      values_[name] = make_parameter(numbers(start).to(type));
      curvature_[name] = numbers(problem.at("curvature").at(name)).to(type);
      minimum_[name] = numbers(problem.at("minimum").at(name)).to(type);
    }
  }

  void run(const Ours& ours, int64_t steps) {
    ParameterGroup group;
    for (const auto& [name, value] : values_) group.parameters.emplace_back(name, value);
    const auto optimizer = make_optimizer(ours.name, ours.options.dump(), {group});
    for (int64_t t = 0; t < steps; ++t) {
      for (const auto& [name, value] : values_) set_gradient(value, curvature_.at(name) * (value.detach() - minimum_.at(name)));
      optimizer->step(lr_);
    }
  }

  double distance_to(const Json& expected) const {
    double worst = 0;
    for (const auto& [name, value] : values_) worst = std::max(worst, distance(value.detach(), numbers(expected.at(name))));
    return worst;
  }

 private:
  double lr_;
  std::map<std::string, at::Tensor> values_, curvature_, minimum_;
};

TEST(OptimToyGolden, TrajectoriesAgreeInBothPrecisions) {
  const auto file = larmor::testing::golden_file("optim_toy.json");
  LARMOR_NEEDS(file, "optim_toy.json");
  const Json golden = read_json(file);
  int run = 0;
  int skipped = 0;
  for (const Json& row : golden.at("rows")) {
    const Ours ours{row.at("optimizer"), row.at("options")};
    if (registry().find(ours.name) == nullptr) {
      std::cout << "skipped: " << ours.name << "\n";
      ++skipped;
      continue;
    }
    for (const auto& [type, key] : {std::pair(at::kDouble, "double"), std::pair(at::kFloat, "float")}) {
      Toy toy(golden.at("problem"), type);
      toy.run(ours, row.at("steps"));
      EXPECT_LE(toy.distance_to(row.at("values")), golden.at("tolerance").at(key).get<double>()) << row << " in " << key;
    }
    ++run;
  }
  std::cout << "toy problem: " << run << " run, " << skipped << " skipped\n";
  EXPECT_GT(run, 0);
}

/// "Ralamb v3, wd .1" in our words.
Ours translate_rule(const std::string& rule) {
  static const std::map<std::string, Ours> names = {
      {"Adam", {"adam", Json::object()}},
      {"RAdam, SGD branch", {"radam", Json::object()}},
      {"RAdam, skip branch", {"radam", {{"warmup", "skip"}}}},
      {"Ranger over9000 (lazy slow copy)", {"ranger", Json::object()}},
      {"Ranger lessw no-GC", {"ranger_lessw", {{"gc", "off"}}}},
      {"Ralamb v3", {"ralamb", Json::object()}},
      {"Ralamb v1 (true update norm)", {"ralamb_true", Json::object()}},
      {"Ralamb v1", {"ralamb_true", Json::object()}},
      {"RangerLars", {"rangerlars", Json::object()}},
      {"LAMB cybertronai", {"lamb_cyber", Json::object()}},
  };
  static const std::regex with_decay(R"((.*), wd ([\d.]+))");
  std::smatch match;
  const bool has_decay = std::regex_match(rule, match, with_decay);
  const auto found = names.find(has_decay ? match[1].str() : rule);
  if (found == names.end()) not_offered(rule);
  Ours ours = found->second;
  if (has_decay) ours.options["weight_decay"] = std::stod(match[2]);
  return ours;
}

/// The reference's sets leave the toy problem to their script; the repository's file says the same in numbers.
Json toy_problem() {
  const auto file = larmor::testing::golden_file("optim_toy.json");
  return read_json(file.empty() ? larmor::testing::source_dir() / "tests/golden/optim_toy.json" : file).at("problem");
}

TEST(OptimToyGolden, TheOriginalCodeAgrees) {
  const auto file = larmor::testing::golden_file("optim_toy_check.json");
  LARMOR_NEEDS(file, "optim_toy_check.json");
  const Json problem = toy_problem();
  int run = 0;
  int skipped = 0;
  const Json golden = read_json(file);
  for (const Json& row : golden.at("rows")) {
    const std::string rule = row.at("rule");
    try {
      const Ours ours = translate_rule(rule);
      Toy toy(problem, at::kDouble);
      toy.run(ours, row.at("steps"));
      EXPECT_LE(toy.distance_to(row.at("real")), 1e-9) << rule << " after " << row.at("steps") << " steps";
      ++run;
    } catch (const NotOffered&) {
      std::cout << "skipped: " << rule << "\n";
      ++skipped;
    }
  }
  std::cout << "original code on the toy problem: " << run << " run, " << skipped << " skipped\n";
  EXPECT_GT(run, 0);
}

}  // namespace
}  // namespace larmor::optim
