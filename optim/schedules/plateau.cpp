#include "optim/schedules/plateau.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"

namespace larmor::optim::schedules {

namespace {

class PlateauSchedule : public TimedSchedule {
 public:
  PlateauSchedule(const PlateauOptions& options, const ScheduleContext& context)
      : TimedSchedule(options.time, context), options_(options), base_lr_(context.base_lr) {}

  void observe(double value) override {
    if (is_better(value)) {
      now_.best = value;
      now_.bad_epochs = 0;
    } else {
      ++now_.bad_epochs;
    }
    if (now_.cooldown > 0) {
      --now_.cooldown;
      now_.bad_epochs = 0;
    }
    if (now_.bad_epochs <= options_.patience) return;
    reduce();
    now_.cooldown = options_.cooldown;
    now_.bad_epochs = 0;
  }

  std::string state() const override {
    nlohmann::json state = {{"factor", now_.factor}, {"bad_epochs", now_.bad_epochs}, {"cooldown", now_.cooldown}, {"best", nullptr}};
    if (now_.best) state["best"] = *now_.best;
    return state.dump();
  }

  void load_state(const std::string& text) override {
    try {
      const nlohmann::json state = nlohmann::json::parse(text);
      State loaded;
      state.at("factor").get_to(loaded.factor);
      state.at("bad_epochs").get_to(loaded.bad_epochs);
      state.at("cooldown").get_to(loaded.cooldown);
      if (!state.at("best").is_null()) loaded.best = state.at("best").get<double>();
      now_ = loaded;
    } catch (const nlohmann::json::exception&) {
      throw_data_error("the schedule's state is not that of plateau; it was saved with another schedule");
    }
  }

 protected:
  double shape(int64_t, int64_t) const override { return now_.factor; }

 private:
  struct State {
    double factor = 1;
    std::optional<double> best;
    int64_t bad_epochs = 0;
    int64_t cooldown = 0;
  };

  bool is_better(double value) const {
    if (std::isnan(value)) return false;
    if (!now_.best) return true;
    const double step = options_.threshold_mode == "rel" ? *now_.best * options_.threshold : options_.threshold;
    return options_.mode == "max" ? value > *now_.best + step : value < *now_.best - step;
  }

  void reduce() {
    const double old_lr = now_.factor * base_lr_;
    const double new_lr = std::max(old_lr * options_.factor, options_.min_lr);
    if (old_lr - new_lr > options_.eps) now_.factor = new_lr / base_lr_;
  }

  PlateauOptions options_;
  double base_lr_;
  State now_;
};

}  // namespace

OptionTable options_of(PlateauOptions& options) {
  OptionTable table;
  table.add("mode", options.mode, "whether more or less is better", {"max", "min"});
  table.add("factor", options.factor, "of the rate at each drop", from_up_to(0, 1));
  table.add("patience", options.patience, "epochs without a better value before a drop", at_least(0));
  table.add("threshold", options.threshold, "how much better counts", at_least(0));
  table.add("threshold_mode", options.threshold_mode, "threshold as a share of the best value, or as it is", {"rel", "abs"});
  table.add("cooldown", options.cooldown, "epochs after a drop that are not counted", at_least(0));
  table.add("min_lr", options.min_lr, "lowest learning rate", at_least(0));
  table.add("eps", options.eps, "smallest change of the rate", at_least(0));
  add_time_options(table, options.time);
  return table;
}

std::unique_ptr<Schedule> make_plateau(const PlateauOptions& options, const ScheduleContext& context) {
  return std::make_unique<PlateauSchedule>(options, context);
}

void register_plateau(Registry& schedules) {
  schedules.add<PlateauOptions>("plateau", "lowered when the monitored value stays", "PyTorch ReduceLROnPlateau", make_plateau);
}

}  // namespace larmor::optim::schedules
