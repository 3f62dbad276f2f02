#include "datasets/phantom_lgg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "core/csv.h"
#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "core/thread_pool.h"
#include "datasets/fresh_folder.h"
#include "datasets/phantom_brain.h"
#include "datasets/second_reader.h"
#include "imaging/tiff.h"

namespace larmor::datasets {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kFewestSlices = 5;
constexpr int64_t kMostSlices = 1000;
constexpr int64_t kSmallestSide = 32;
constexpr int64_t kLargestSide = 4096;
constexpr int64_t kMostPatients = 9999;  // four digits in the name

/// The columns of the original table.
const std::vector<std::string> kColumns{"Patient",
                                        "RNASeqCluster",
                                        "MethylationCluster",
                                        "miRNACluster",
                                        "CNCluster",
                                        "RPPACluster",
                                        "OncosignCluster",
                                        "COCCluster",
                                        "histological_type",
                                        "neoplasm_histologic_grade",
                                        "tumor_tissue_site",
                                        "laterality",
                                        "tumor_location",
                                        "gender",
                                        "age_at_initial_pathologic",
                                        "race",
                                        "ethnicity",
                                        "death01"};

void require(const char* option, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high)
    throw_usage_error(fmt::format("phantom: {} {} is out of range; must be in [{}, {}]", option, value, low, high));
}

void check(const LggPhantomOptions& options) {
  require("patients", options.patients, 1, kMostPatients);
  if (options.slices != 0) require("slices", options.slices, kFewestSlices, kMostSlices);
  require("size", options.size, kSmallestSide, kLargestSide);
  require("threads", options.threads, 0, 1024);
}

RandomKey key_of(const LggPhantomOptions& options, int64_t patient) {
  return RandomKey(static_cast<uint64_t>(options.seed)).with("lgg phantom").with(static_cast<uint64_t>(patient));
}

std::string patient_name(int64_t patient) { return fmt::format("TCGA_PH_{:04}", patient + 1); }

/// 20 to 88, mostly few: the original's median is 28.
int64_t slices_of(const LggPhantomOptions& options, int64_t patient) {
  if (options.slices != 0) return options.slices;
  const double u = Random(key_of(options, patient).with("slices")).uniform();
  return 20 + static_cast<int64_t>(69 * u * u * u);
}

/// A plain write: the folder is new and appears only when it is whole, so no file of it needs to be safe by itself (which costs ten
/// times as long as drawing it).
void write_plainly(const fs::path& file, const std::string& content) {
  std::ofstream out(file, std::ios::binary);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out) throw_run_error(fmt::format("{}: cannot be written: {}", file.string(), std::generic_category().message(errno)));
}

void write_mask(const fs::path& folder, const std::string& name, int64_t number, const imaging::Image& mask) {
  write_plainly(folder / fmt::format("{}_{}_mask.tif", name, number), imaging::encode_tiff(mask));
}

void write_slice(const fs::path& folder, const std::string& name, int64_t number, const PhantomSlice& slice) {
  write_plainly(folder / fmt::format("{}_{}.tif", name, number), imaging::encode_tiff(slice.image));
  write_mask(folder, name, number, slice.mask);
}

/// Two pixels of a full picture, and not less than one.
double reader_deviation(int64_t size) { return std::max(1.0, 2.0 * static_cast<double>(size) / 256); }

/// One row: the grade goes with the tumour's enhancement, the rest are codes within the original's range.
std::vector<std::string> table_row(const std::string& name, RandomKey key, const PhantomBrain& brain) {
  Random random(key.with("table"));
  const auto code = [&](int64_t count) { return std::to_string(1 + random.integer(count)); };
  const PhantomTumour& tumour = brain.tumours().front();
  const std::string grade = tumour.enhancement > 0.75 ? "2" : "1";
  const std::string side = tumour.x < 0 ? "3" : "1";  // the image's left is the patient's right
  return {name,    code(4), code(6),
          code(4), code(3), code(4),
          code(3), code(3), code(3),
          grade,   "1",     side,
          code(6), code(2), std::to_string(20 + random.integer(56)),
          code(3), code(2), std::to_string(random.integer(2))};
}

std::string marker_text(const LggPhantomOptions& options) {
  return fmt::format(
      "Synthetic brains in the layout of the LGG MRI segmentation set. No patient's data; every table made from them is marked phantom.\n"
      "patients {}, slices {}, size {}, seed {}\n",
      options.patients, options.slices == 0 ? "20-88" : std::to_string(options.slices), options.size, options.seed);
}

}  // namespace

void write_lgg_phantom(const fs::path& folder, const LggPhantomOptions& options) {
  check(options);
  const bool has_second = !options.second_reader.empty();
  if (has_second) require_apart(folder, options.second_reader, "phantom");
  FreshFolder fresh(folder, "phantom");
  std::optional<FreshFolder> second;
  if (has_second) second.emplace(options.second_reader, "phantom");

  std::vector<PhantomBrain> brains;
  std::vector<SecondReader> readers;
  std::vector<std::pair<int64_t, int64_t>> work;  // patient, slice
  CsvTable table{kColumns, {}};
  for (int64_t patient = 0; patient < options.patients; ++patient) {
    const RandomKey key = key_of(options, patient);
    brains.emplace_back(key.with("brain"), slices_of(options, patient), options.size);
    table.rows.push_back(table_row(patient_name(patient), key, brains.back()));
    readers.emplace_back(key.with("second reader"), reader_deviation(options.size));
    make_folder(fresh.path() / (patient_name(patient) + "_20000101"));
    if (second) make_folder(second->path() / (patient_name(patient) + "_20000101"));
    for (int64_t slice = 0; slice < brains.back().slices(); ++slice) work.emplace_back(patient, slice);
  }
  const int64_t threads = options.threads > 0 ? options.threads : std::max<int64_t>(1, std::thread::hardware_concurrency());
  ThreadPool pool(static_cast<size_t>(threads));
  pool.for_each(work.size(), [&](size_t i) {
    const auto [patient, slice] = work[i];
    const std::string name = patient_name(patient) + "_20000101";
    const PhantomSlice drawn = brains[static_cast<size_t>(patient)].render(slice);
    write_slice(fresh.path() / name, name, slice + 1, drawn);
    if (second) write_mask(second->path() / name, name, slice + 1, readers[static_cast<size_t>(patient)].read(drawn.mask, slice));
  });
  write_file_atomically(fresh.path() / "data.csv", to_csv(table));
  write_file_atomically(fresh.path() / "PHANTOM.txt", marker_text(options));
  if (second) write_file_atomically(second->path() / "PHANTOM.txt", "A second reader's masks.\n" + marker_text(options));
  fresh.keep();
  if (second) second->keep();
}

}  // namespace larmor::datasets
