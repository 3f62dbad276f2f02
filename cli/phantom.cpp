#include <fmt/format.h>

#include <iostream>

#include "cli/commands.h"
#include "core/error.h"
#include "core/progress.h"
#include "datasets/phantom_lgg.h"

namespace larmor::cli {

namespace {

struct PhantomOptions {
  std::string source, folder;
  datasets::LggPhantomOptions lgg;
};

int run_phantom(const PhantomOptions& options, const GlobalOptions& global) {
  if (options.source != "lgg") throw_usage_error(unknown_name_message("phantom", options.source, {"lgg"}, "larmor help phantom"));
  datasets::LggPhantomOptions lgg = options.lgg;
  lgg.seed = global.seed.value_or(lgg.seed);
  lgg.threads = global.threads;
  datasets::write_lgg_phantom(options.folder, lgg);
  if (!global.quiet)
    std::cout << fmt::format("{}: {} in the LGG layout (seed {})\n", options.folder, counted(lgg.patients, "synthetic patient"), lgg.seed);
  return 0;
}

}  // namespace

Command phantom_command() {
  Command command{"phantom", Group::data, "write a synthetic data set", "", {}, "", {}};
  command.description =
      "Writes a synthetic data set in the exact layout of a real one: `lgg` makes brains with tumours that look different in T1, FLAIR and "
      "T1CE. The folder holds PHANTOM.txt, and every table made from it says that its numbers are phantom numbers.";
  command.examples = {{"larmor phantom lgg phantom", "12 patients, 256 x 256"},
                      {"larmor phantom lgg small --patients 4 --slices 8 --size 64 --seed 1", "a small set for trials"},
                      {"larmor inspect phantom", "what is in it"}};
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<PhantomOptions>();
    arguments.positional("source", options->source, "which layout: lgg");
    arguments.positional("folder", options->folder, "the new folder");
    arguments.option("--patients", options->lgg.patients, "number of patients");
    arguments.option("--slices", options->lgg.slices, "slices per patient; 0: drawn from 20 to 88");
    arguments.option("--size", options->lgg.size, "side of a slice in pixels");
    return [options](const GlobalOptions& global) { return run_phantom(*options, global); };
  };
  return command;
}

}  // namespace larmor::cli
