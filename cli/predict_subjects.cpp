#include "cli/predict_subjects.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/predict_output.h"
#include "core/error.h"
#include "core/files.h"
#include "core/version.h"
#include "datasets/siberian.h"
#include "datasets/siberian_cache.h"
#include "datasets/tumour_segments.h"
#include "imaging/draw.h"
#include "imaging/io.h"
#include "imaging/orient.h"

namespace larmor::cli {

namespace {

namespace fs = std::filesystem;
using datasets::PreparedVolume;
using datasets::RawSubject;
using imaging::Image;
using imaging::PixelType;
using nlohmann::json;

constexpr int64_t kSheetColumns = 5;
const std::map<std::string, int64_t> kSetLabels{{"edema", 1}, {"non_enhancing", 2}, {"enhancing", 3}, {"necrotic", 4}};

datasets::SiberianOptions source_options(const train::Recipe& recipe) {
  datasets::SiberianOptions options;
  Problems problems;
  datasets::options_of(options).read(recipe.data.options, problems, "data.");
  problems.throw_if_any();
  return options;
}

/// How the training volumes were prepared.
struct Record {
  bool is_there = false;
  datasets::PreparationOptions options;
  std::map<std::string, int64_t> labels = kSetLabels;
};

Record read_record(const std::string& text, const std::string& file, const train::Recipe& recipe) {
  Record record;
  record.options.size = recipe.data.size;
  if (text.empty()) return record;
  try {
    const json stored = json::parse(text);
    record.options = datasets::preparation_from(stored.at("parameters"), file);
    stored.at("labels").get_to(record.labels);
    record.is_there = true;
  } catch (const json::exception&) {
    throw_data_error(file + ": how its volumes were prepared is damaged: a fact is missing or of another kind");
  }
  return record;
}

/// T1CE, then the network's others, each once.
std::vector<std::string> sequences_of(const datasets::Composition& composition) {
  std::vector<std::string> sequences{datasets::kReferenceSequence};
  for (const std::string& sequence : composition.sequences()) {
    if (std::find(sequences.begin(), sequences.end(), sequence) == sequences.end()) sequences.push_back(sequence);
  }
  return sequences;
}

/// Where each of the network's sequences stands among those that are prepared.
std::vector<size_t> places_of(const SubjectPlan& plan) {
  std::vector<size_t> places;
  for (const std::string& sequence : plan.composition.sequences()) {
    const auto found = std::find(plan.sequences.begin(), plan.sequences.end(), sequence);
    places.push_back(static_cast<size_t>(found - plan.sequences.begin()));
  }
  return places;
}

/// Slices as the data source gives them to training.
SliceStack stack_of(const SubjectPlan& plan, const PreparedVolume& prepared) {
  SliceStack stack;
  stack.geometry = prepared.grid.geometry;
  const std::vector<size_t> places = places_of(plan);
  const int64_t slices = prepared.grid.size[2];
  const auto stored_at = [&](size_t sequence, int64_t z) { return prepared.image(sequence, z); };
  for (int64_t z = 0; z < slices; ++z) {
    stack.slices.push_back(
        plan.composition.compose([&](int64_t offset) { return datasets::sequences_at(stored_at, places, slices, z + offset); }));
    stack.numbers.push_back(z);
  }
  return stack;
}

/// A map of each slice (C x H x W) on the scan's grid.
Image on_scan(const std::vector<at::Tensor>& maps, const SliceStack& stack, const imaging::Grid& scan) {
  std::vector<Image> slices;
  for (const at::Tensor& map : maps) slices.push_back(image_of(map));
  return datasets::to_scan(volume_of(slices, stack), scan);
}

/// Of several classes the first is the background: all of what the prepared grid does not reach.
Image probabilities_on_scan(const CaseResults& results, const SliceStack& stack, const imaging::Grid& scan) {
  Image image = on_scan(results.probabilities, stack, scan);
  if (image.channels == 1) return image;
  for (float* voxel = image.data<float>(); voxel != image.data<float>() + image.elements(); voxel += image.channels) {
    if (std::all_of(voxel, voxel + image.channels, [](float value) { return value == 0; })) *voxel = 1;
  }
  return image;
}

/// The class alone, as draw_contour wants it.
Image mask_of(const Image& labels, int64_t value) {
  Image mask = labels;
  for (std::byte& voxel : mask.bytes) voxel = voxel == std::byte{static_cast<uint8_t>(value)} ? std::byte{255} : std::byte{0};
  return mask;
}

/// T1CE, the first of the prepared sequences, as 8-bit grey with the segments' outlines.
Image tile_of(const SubjectPlan& plan, const PreparedVolume& prepared, const Image& labels, size_t z) {
  const Image stored = prepared.image(0, static_cast<int64_t>(z));
  Image grey = Image::make(stored.size, 1, PixelType::u8);
  for (int64_t i = 0; i < stored.voxels(); ++i) grey.data<uint8_t>()[i] = static_cast<uint8_t>(stored.data<uint16_t>()[i] >> 8);
  Image tile = imaging::to_rgb(grey);
  for (const imaging::Segment& segment : plan.segments)
    imaging::draw_contour(tile, mask_of(labels, segment.label_value), datasets::colour_of(segment));
  return tile;
}

std::string sheet_png(const SubjectPlan& plan, const PreparedVolume& prepared, const std::vector<Image>& masks) {
  std::vector<Image> tiles;
  std::vector<std::string> captions;
  for (const size_t z : slices_to_show(masks)) {
    tiles.push_back(tile_of(plan, prepared, masks[z], z));
    captions.push_back(fmt::format("z {}", z));
  }
  std::vector<imaging::LegendLine> legend;
  for (const imaging::Segment& segment : plan.segments) legend.push_back({datasets::colour_of(segment), segment.name});
  const Image sheet = imaging::contact_sheet(tiles, captions, std::min(kSheetColumns, static_cast<int64_t>(tiles.size())));
  return imaging::encode_png(imaging::with_legend(sheet, legend));
}

json to_json(const imaging::Grid& grid) {
  json stored = datasets::to_json(grid.geometry);
  stored["size"] = grid.size;
  return stored;
}

/// A file's name alone and of a series what tells it: folders may be named after a person.
json to_json(const datasets::RawVolume& volume) {
  if (!volume.series) return {{"file", volume.paths.front().filename().string()}};
  return {{"series", volume.series->number},
          {"description", volume.series->description},
          {"date", volume.series->study_date},
          {"files", volume.paths.size()}};
}

json segments_of(const SubjectPlan& plan, const Image& mask) {
  std::array<int64_t, 256> counts{};
  for (const std::byte value : mask.bytes) ++counts[static_cast<size_t>(value)];
  const auto& spacing = mask.geometry.spacing_mm;
  json segments = json::array();
  for (const imaging::Segment& segment : plan.segments) {
    const int64_t voxels = counts[static_cast<size_t>(segment.label_value)];
    segments.push_back({{"name", segment.name},
                        {"label_value", segment.label_value},
                        {"colour", segment.colour},
                        {"voxels", voxels},
                        {"volume_ml", static_cast<double>(voxels) * spacing[0] * spacing[1] * spacing[2] / 1000}});
  }
  return segments;
}

std::string study_text(const SubjectPlan& plan, const RawSubject& subject, const PreparedVolume& prepared, const json& how,
                       const Image& mask) {
  json study{{"format", "larmor study"},
             {"version", 1},
             {"larmor", kVersion},
             {"subject", subject.subject},
             {"session", subject.session},
             {"metadata", subject.metadata},
             {"phantom", plan.set.is_phantom},
             {"unused_series", subject.unused_series},
             {"identity_tags", subject.identity_tags},
             {"preparation", {{"is_recorded", plan.is_recorded}, {"parameters", to_json(plan.preparation)}}},
             {"prepared_grid", to_json(prepared.grid)},
             {"result_grid", to_json(prepared.scan)},
             {"network", how},
             {"segments", segments_of(plan, mask)},
             {"registration", json::object()}};
  for (const std::string& sequence : plan.sequences) study["sequences"][sequence] = to_json(subject.sequences.at(sequence));
  for (const auto& [sequence, result] : prepared.registration) study["registration"][sequence] = datasets::to_json(result);
  for (const auto& [sequence, range] : prepared.intensity) study["intensity"][sequence] = {{"low", range.low}, {"high", range.high}};
  return study.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

struct ResultNames {
  fs::path segmentation, probabilities, uncertainty, information, overlay, study;
};

ResultNames names_of(const RawSubject& subject) {
  const fs::path folder = subject.name();
  const auto named = [&](const char* what) { return folder / (subject.name() + what); };
  return {named(".seg.nrrd"),    named("_prob.nii.gz"), named("_uncertainty.nii.gz"), named("_mutual_information.nii.gz"),
          named("_overlay.png"), folder / "study.json"};
}

/// Entropy, and of several members mutual information.
void write_uncertainty(Staging& staging, const ResultNames& names, const CaseResults& results, const SliceStack& stack,
                       const imaging::Grid& scan) {
  if (results.uncertainty.empty()) return;
  std::vector<at::Tensor> entropy, information;
  for (const eval::Uncertainty& slice : results.uncertainty) {
    entropy.push_back(slice.entropy.unsqueeze(0));
    if (slice.mutual_information.defined()) information.push_back(slice.mutual_information.unsqueeze(0));
  }
  imaging::write_image(staging.place(names.uncertainty), on_scan(entropy, stack, scan));
  if (!information.empty()) imaging::write_image(staging.place(names.information), on_scan(information, stack, scan));
}

}  // namespace

SubjectPlan plan_subjects(const PredictOptions& options, const train::Recipe& recipe, const std::string& preparation,
                          const models::SegmenterInfo& info) {
  if (!is_folder(options.input)) {
    throw_usage_error(
        fmt::format("--input: {}: is no folder; the network was trained on volumes of several sequences (data.source siberian): give a "
                    "subject's folder, or a folder of subjects",
                    options.input));
  }
  const datasets::SiberianOptions source = source_options(recipe);
  SubjectPlan plan{{}, datasets::Composition(source.composition), {}, {}, false, {}};
  const auto channels = static_cast<int64_t>(plan.composition.names().size());
  if (channels != info.in_channels) {
    throw_usage_error(fmt::format("predict: data.input {} gives {} channels, but the network takes {}", source.composition.input, channels,
                                  info.in_channels));
  }
  plan.sequences = sequences_of(plan.composition);
  const Record record = read_record(preparation, options.weights[0], recipe);
  plan.preparation = record.options;
  plan.is_recorded = record.is_there;
  plan.segments = datasets::tumour_segments(source.labels, record.labels, info.classes == 1 ? 1 : info.classes - 1);
  datasets::RawOptions raw{.use = datasets::RawUse::prediction, .root = options.input};
  raw.sequences = plan.sequences;
  raw.exclude = options.exclude;
  plan.set = datasets::find_siberian(raw);
  return plan;
}

int64_t slices_of(const RawSubject& subject) {
  const datasets::RawVolume& volume = subject.sequences.at(datasets::kReferenceSequence);
  if (volume.series) return static_cast<int64_t>(volume.paths.size());
  const imaging::ImageHeader header = imaging::read_header(volume.paths.front());
  return header.size[static_cast<size_t>(imaging::order_to_lps(header.geometry).source[2])];
}

std::vector<fs::path> result_files(const RawSubject& subject) {
  const ResultNames names = names_of(subject);
  return {names.segmentation, names.probabilities, names.uncertainty, names.information, names.overlay, names.study};
}

PredictedCase predict_subject(const SubjectPlan& plan, const RawSubject& subject, const fs::path& output, const json& how,
                              const PredictStack& predict) {
  const PreparedVolume prepared = prepare_subject(subject, plan.sequences, plan.preparation, {});
  if (!prepared.failure.empty()) {
    PredictedCase excluded;
    excluded.name = subject.name();
    excluded.failure = prepared.failure;
    return excluded;
  }
  const SliceStack stack = stack_of(plan, prepared);
  CaseResults results;
  PredictedCase predicted = predict(subject.name(), stack, results);
  const Image mask = datasets::to_scan(volume_of(results.masks, stack), prepared.scan);
  const ResultNames names = names_of(subject);
  Staging staging(output);
  imaging::write_seg_nrrd(staging.place(names.segmentation), {mask, plan.segments});
  imaging::write_image(staging.place(names.probabilities), probabilities_on_scan(results, stack, prepared.scan));
  write_file_atomically(staging.place(names.overlay), sheet_png(plan, prepared, results.masks));
  write_file_atomically(staging.place(names.study), study_text(plan, subject, prepared, how, mask));
  write_uncertainty(staging, names, results, stack, prepared.scan);
  predicted.files = staging.publish();
  remove_others(output, result_files(subject), predicted.files);
  return predicted;
}

}  // namespace larmor::cli
