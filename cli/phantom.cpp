#include <fmt/format.h>

#include <iostream>

#include "cli/commands.h"
#include "core/error.h"
#include "core/progress.h"
#include "datasets/phantom_lgg.h"
#include "datasets/phantom_siberian.h"

namespace larmor::cli {

namespace {

struct PhantomOptions {
  std::string source, folder, second_reader;
  int64_t patients = 0;  ///< 0: the set's own default
  datasets::LggPhantomOptions lgg;
  datasets::SiberianPhantomOptions siberian;
};

std::string write_lgg(const PhantomOptions& options, const GlobalOptions& global) {
  datasets::LggPhantomOptions lgg = options.lgg;
  if (options.patients != 0) lgg.patients = options.patients;
  lgg.seed = global.seed.value_or(lgg.seed);
  lgg.threads = global.threads;
  lgg.second_reader = options.second_reader;
  datasets::write_lgg_phantom(options.folder, lgg);
  return fmt::format("{}: {} in the LGG layout (seed {})\n", options.folder, counted(lgg.patients, "synthetic patient"), lgg.seed);
}

std::string write_siberian(const PhantomOptions& options, const GlobalOptions& global) {
  datasets::SiberianPhantomOptions siberian = options.siberian;
  if (options.patients != 0) siberian.subjects = options.patients;
  siberian.seed = global.seed.value_or(siberian.seed);
  siberian.threads = global.threads;
  siberian.second_reader = options.second_reader;
  datasets::write_siberian_phantom(options.folder, siberian);
  return fmt::format("{}: {} in the Siberian layout (seed {})\n", options.folder, counted(siberian.subjects, "synthetic patient"),
                     siberian.seed);
}

int run_phantom(const PhantomOptions& options, const GlobalOptions& global) {
  if (options.patients < 0) throw_usage_error(fmt::format("--patients: {} is not allowed; must be >= 1", options.patients));
  if (options.source != "lgg" && options.source != "siberian")
    throw_usage_error(unknown_name_message("phantom", options.source, {"lgg", "siberian"}, "larmor help phantom"));
  const std::string written = options.source == "lgg" ? write_lgg(options, global) : write_siberian(options, global);
  if (!global.quiet) std::cout << written;
  return 0;
}

}  // namespace

Command phantom_command() {
  Command command{"phantom", Group::data, "write a synthetic data set", "", {}, "", {}};
  command.takes_seed = true;
  command.description =
      "Writes a synthetic data set in the exact layout of a real one: `lgg` makes slices of brains with tumours that look different in T1, "
      "FLAIR and T1CE; `siberian` makes volumes of four tumour types with T1, T1CE, thick and moved FLAIR, labels of four classes, and the "
      "transforms that the registration has to find. The folder holds PHANTOM.txt, and every table made from it says that its numbers are "
      "phantom numbers.";
  command.examples = {{"larmor phantom lgg phantom", "12 patients, 256 x 256"},
                      {"larmor phantom lgg small --patients 4 --slices 8 --size 64 --seed 1", "a small set for trials"},
                      {"larmor phantom siberian volumes --patients 4 --voxel-mm 4", "small volumes: T1, T1CE, FLAIR, labels"},
                      {"larmor phantom lgg read --patients 4 --slices 8 --size 64 --second-reader second", "and a second reader's masks"},
                      {"larmor inspect phantom", "what is in it"}};
  command.declare = [](Arguments& arguments) {
    auto options = std::make_shared<PhantomOptions>();
    arguments.positional("source", options->source, "which layout: lgg, siberian");
    arguments.positional("folder", options->folder, "the new folder");
    arguments.option("--patients", options->patients, "number of patients; 0: 12 (lgg) or 8 (siberian)");
    arguments.option("--slices", options->lgg.slices, "lgg: slices per patient; 0: drawn from 20 to 88");
    arguments.option("--size", options->lgg.size, "lgg: side of a slice in pixels");
    arguments.option("--voxel-mm", options->siberian.voxel_mm, "siberian: voxel of T1 and T1CE, 1 to 6 mm");
    arguments.flag("--t2", options->siberian.has_t2, "siberian: T2 too");
    arguments.option("--format", options->siberian.format, "siberian: nifti, nrrd or dicom");
    arguments.option("--types", options->siberian.types, "siberian: tumour types, dealt out in turn; default: all four");
    arguments.option("--shift-mm", options->siberian.shift_mm, "siberian: the most that FLAIR is shifted along an axis");
    arguments.option("--angle-deg", options->siberian.angle_deg, "siberian: the most that FLAIR is turned about an axis");
    arguments.option("--second-reader", options->second_reader, "another new folder: a second reader's masks, for larmor agree");
    return [options](const GlobalOptions& global) { return run_phantom(*options, global); };
  };
  return command;
}

}  // namespace larmor::cli
