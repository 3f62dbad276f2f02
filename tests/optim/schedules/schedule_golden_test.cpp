// Tables of torch, timm and fastai. Their settings are translated to our options by keyword; a table with a source or setting that has
// no counterpart here is listed as skipped.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/optim/schedules/support.h"
#include "tests/support/golden.h"

namespace larmor::optim::schedules {
namespace {

using Json = nlohmann::json;

struct NotOffered {
  std::string what;
};

/// A schedule of ours and the time it runs over.
struct Ours {
  std::string name;
  Json options = Json::object();
  int64_t total = 0;
};

/// Settings of a table, each of which must be taken.
class Settings {
 public:
  explicit Settings(Json all) : all_(std::move(all)) {}
  bool has(const std::string& key) const { return all_.contains(key); }
  Json take(const std::string& key) {
    const Json value = all_.at(key);
    all_.erase(key);
    return value;
  }
  void pass(const std::string& key, Json& options, const std::string& option) {
    if (has(key)) options[option] = take(key);
  }
  void finish() const {
    if (!all_.empty()) throw NotOffered{"setting " + all_.begin().key()};
  }

 private:
  Json all_;
};

bool begins(const std::string& text, const std::string& beginning) { return text.rfind(beginning, 0) == 0; }

Ours translate_cosine(Settings& settings, int64_t steps) {
  Ours ours{"cosine"};
  settings.pass("eta_min", ours.options, "min_lr");
  ours.total = settings.take("T_max");
  if (ours.total < steps - 1) throw NotOffered{"rise after T_max"};
  return ours;
}

/// SequentialLR of a linear warm-up and a cosine over the rest.
Ours translate_warmup_cosine(Settings& settings, int64_t steps) {
  Ours ours{"cosine", Json::object(), steps};
  settings.pass("eta_min", ours.options, "min_lr");
  settings.pass("warmup", ours.options, "warmup");
  settings.pass("start_factor", ours.options, "warmup_start");
  return ours;
}

Ours translate_timm_cosine(Settings& settings, double lr) {
  Ours ours{"cosine"};
  ours.total = settings.take("t_initial");
  settings.pass("lr_min", ours.options, "min_lr");
  if (settings.has("warmup_t")) {
    if (!settings.has("warmup_prefix") || !settings.take("warmup_prefix").get<bool>()) throw NotOffered{"warm-up inside the cosine"};
    const int64_t warmup = settings.take("warmup_t");
    ours.options["warmup"] = warmup;
    ours.options["warmup_start"] = settings.take("warmup_lr_init").get<double>() / lr;
    ours.total += warmup;
  }
  return ours;
}

Ours translate_restarts(Settings& settings, int64_t steps) {
  Ours ours{"cosine", Json::object(), steps};
  settings.pass("T_0", ours.options, "restart");
  settings.pass("T_mult", ours.options, "restart_mult");
  settings.pass("eta_min", ours.options, "min_lr");
  return ours;
}

Ours translate_poly(Settings& settings, const std::string& total) {
  Ours ours{"poly"};
  ours.total = settings.take(total);
  settings.pass("power", ours.options, "power");
  settings.pass("lr_min", ours.options, "min_lr");
  return ours;
}

Ours translate_linear(Settings& settings) {
  Ours ours{"linear"};
  ours.total = settings.take("total_iters");
  settings.pass("start_factor", ours.options, "start");
  settings.pass("end_factor", ours.options, "end");
  return ours;
}

Ours translate_drops(Settings& settings, const std::string& name, int64_t steps) {
  Ours ours{name, Json::object(), steps};
  settings.pass("step_size", ours.options, "size");
  settings.pass("milestones", ours.options, "milestones");
  settings.pass("gamma", ours.options, "gamma");
  return ours;
}

Ours translate_onecycle(Settings& settings) {
  Ours ours{"onecycle"};
  ours.total = settings.take("total_steps");
  settings.pass("pct_start", ours.options, "pct");
  settings.pass("div_factor", ours.options, "div");
  settings.pass("final_div_factor", ours.options, "final");
  settings.pass("anneal_strategy", ours.options, "anneal");
  settings.pass("three_phase", ours.options, "three_phase");
  settings.pass("cycle_momentum", ours.options, "cycle_momentum");
  return ours;
}

Ours translate_plateau(Settings& settings, int64_t steps) {
  Ours ours{"plateau", {{"mode", "min"}, {"factor", 0.1}, {"patience", 10}}, steps};
  for (const char* key : {"mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps"}) {
    settings.pass(key, ours.options, key);
  }
  return ours;
}

Ours translate_flat_cosine(Settings& settings, int64_t steps) {
  Ours ours{"flat_cosine", Json::object(), steps};
  settings.pass("ann_start", ours.options, "flat");
  settings.pass("pct_start", ours.options, "flat");
  if (settings.has("total_steps")) ours.total = settings.take("total_steps");
  if (settings.has("div_final")) ours.options["min"] = 1 / settings.take("div_final").get<double>();
  return ours;
}

/// fastai's last rate is a share of the highest, ours of the first.
Ours translate_fastai_onecycle(Settings& settings, int64_t steps) {
  Ours ours{"onecycle", {{"form", "fastai"}}, steps};
  settings.pass("pct_start", ours.options, "pct");
  const double div = settings.take("div");
  ours.options["div"] = div;
  ours.options["final"] = settings.take("div_final").get<double>() / div;
  return ours;
}

Ours translate(const Json& table, double lr) {
  const std::string source = table.at("source");
  const auto steps = static_cast<int64_t>(table.at("lr").size());
  Settings settings(table.at("settings"));
  settings.take(settings.has("max_lr") ? "max_lr" : "lr");
  Ours ours;
  if (begins(source, "torch CosineAnnealingLR")) {
    ours = translate_cosine(settings, steps);
  } else if (begins(source, "torch SequentialLR[LinearLR") && source.find("CosineAnnealingLR") != std::string::npos) {
    ours = translate_warmup_cosine(settings, steps);
  } else if (begins(source, "timm CosineLRScheduler")) {
    ours = translate_timm_cosine(settings, lr);
  } else if (begins(source, "torch CosineAnnealingWarmRestarts")) {
    ours = translate_restarts(settings, steps);
  } else if (begins(source, "torch PolynomialLR")) {
    ours = translate_poly(settings, "total_iters");
  } else if (begins(source, "timm PolyLRScheduler")) {
    ours = translate_poly(settings, "t_initial");
  } else if (begins(source, "torch LinearLR")) {
    ours = translate_linear(settings);
  } else if (begins(source, "torch StepLR")) {
    ours = translate_drops(settings, "step", steps);
  } else if (begins(source, "torch MultiStepLR")) {
    ours = translate_drops(settings, "multistep", steps);
  } else if (begins(source, "torch ExponentialLR")) {
    ours = translate_drops(settings, "exponential", steps);
  } else if (begins(source, "torch OneCycleLR")) {
    ours = translate_onecycle(settings);
  } else if (begins(source, "torch ReduceLROnPlateau")) {
    ours = translate_plateau(settings, steps);
  } else if (begins(source, "closed form: k/100 < s") || begins(source, "fastai fit_flat_cos")) {
    ours = translate_flat_cosine(settings, steps);
  } else if (begins(source, "fastai fit_one_cycle")) {
    ours = translate_fastai_onecycle(settings, steps);
  } else {
    throw NotOffered{source};
  }
  settings.finish();
  return ours;
}

/// Whether a value is within 1e-9 of the table's. fastai reckons the position in float32 and divides by the length of a phase: some
/// roundings of the largest value.
bool is_near(double value, double expected, double largest, const Json& table) {
  const double rounding = begins(table.at("source"), "fastai") ? 8 * std::numeric_limits<float>::epsilon() * largest : 0;
  return std::abs(value - expected) <= 1e-9 * std::abs(expected) + 1e-18 + rounding;
}

/// "" or the first step that differs. `group`: column of a table with several parameter groups.
std::string compare(const Json& table, const Ours& ours, double lr, size_t group) {
  const auto schedule = make_schedule(ours.name, ours.options.dump(), steps(ours.total, 1, lr));
  for (size_t k = 0; k < table.at("lr").size(); ++k) {
    const auto t = static_cast<int64_t>(k);
    const Json& entry = table.at("lr")[k];
    const double expected = entry.is_array() ? entry.at(group).get<double>() : entry.get<double>();
    const double rate = lr * schedule->factor(t);
    if (!is_near(rate, expected, lr, table))
      return "step " + std::to_string(k) + ": " + std::to_string(rate * 1e6) + "e-6, not " + std::to_string(expected * 1e6) + "e-6";
    if (table.contains("momentum_or_beta1") && !is_near(schedule->momentum(t), table.at("momentum_or_beta1")[k], 1, table)) {
      return "momentum of step " + std::to_string(k) + " is " + std::to_string(schedule->momentum(t));
    }
    if (table.contains("metric")) schedule->observe(table.at("metric")[k]);
  }
  return "";
}

std::vector<double> base_rates(const Json& settings) {
  const Json& rate = settings.contains("max_lr") ? settings.at("max_lr") : settings.at("lr");
  return rate.is_array() ? rate.get<std::vector<double>>() : std::vector<double>{rate.get<double>()};
}

TEST(ScheduleGolden, TablesAgree) {
  const auto file = larmor::testing::golden_file("schedulers.json");
  LARMOR_NEEDS(file, "schedulers.json");
  std::ifstream stream(file);
  const Json golden = Json::parse(stream);
  int run = 0;
  int skipped = 0;
  for (const Json& table : golden.at("tables")) {
    const std::string name = table.at("name");
    const std::vector<double> rates = base_rates(table.at("settings"));
    try {
      for (size_t group = 0; group < rates.size(); ++group) {
        const Ours ours = translate(table, rates[group]);
        EXPECT_EQ(compare(table, ours, rates[group], group), "") << name << " as " << ours.name << " " << ours.options;
      }
      ++run;
    } catch (const NotOffered& missing) {
      std::cout << "skipped: " << name << " (" << missing.what << ")\n";
      ++skipped;
    }
  }
  std::cout << "schedules: " << run << " run, " << skipped << " skipped\n";
  EXPECT_GT(run, 0);
}

}  // namespace
}  // namespace larmor::optim::schedules
