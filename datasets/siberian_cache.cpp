#include "datasets/siberian_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "imaging/transform.h"

namespace larmor::datasets {

namespace {

namespace fs = std::filesystem;
using imaging::Hdf5Array;
using imaging::Image;
using imaging::PixelType;
using imaging::throw_damaged;
using nlohmann::json;

constexpr const char* kFormat = "larmor siberian cache";
constexpr float kFullScale = 65535;

/// Parses an object of our format and version, and hands it on; whatever it lacks is told in one line.
template <class Read>
auto read_json(const std::string& text, const std::string& file, Read&& read) {
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object() || parsed.value("format", json()) != kFormat) throw_damaged(file, fmt::format("is no {}", kFormat));
  if (parsed.value("version", json()) != kSiberianVersion) {
    throw_damaged(file, fmt::format("is of another version than {}; prepare the data anew", kSiberianVersion));
  }
  try {
    return read(parsed);
  } catch (const json::exception&) {
    throw_damaged(file, "a fact is missing or of another kind; prepare the data anew");
  }
}

imaging::Geometry geometry_from(const json& stored, const std::string& file) {
  imaging::Geometry geometry;
  geometry.has_spacing = true;
  stored.at("spacing_mm").get_to(geometry.spacing_mm);
  stored.at("origin_mm").get_to(geometry.origin_mm);
  stored.at("direction").get_to(geometry.direction);
  for (const double spacing : geometry.spacing_mm) {
    if (!(spacing > 0) || !std::isfinite(spacing)) throw_damaged(file, "a voxel size is not positive");
  }
  const double determinant = imaging::determinant_of({geometry.direction});
  if (!std::isfinite(determinant) || std::abs(determinant) < 1e-6) throw_damaged(file, "its direction cannot be inverted");
  return geometry;
}

std::map<std::string, int64_t> labels_from(const json& stored, const std::string& file) {
  auto labels = stored.get<std::map<std::string, int64_t>>();
  const bool fit = std::all_of(labels.begin(), labels.end(), [](const auto& entry) { return entry.second >= 1 && entry.second <= 255; });
  if (!fit || labels.empty()) throw_damaged(file, "its label map is empty or has a value out of [1, 255]");
  return labels;
}

}  // namespace

SiberianFacts parse_siberian_facts(const std::string& json_text, const std::string& file) {
  return read_json(json_text, file, [&](const json& stored) {
    SiberianFacts facts;
    stored.at("subject").get_to(facts.subject);
    stored.at("session").get_to(facts.session);
    stored.at("sequences").get_to(facts.sequences);
    facts.labels = labels_from(stored.at("labels"), file);
    facts.geometry = geometry_from(stored.at("geometry"), file);
    stored.at("metadata").get_to(facts.metadata);
    stored.at("key").get_to(facts.key);
    return facts;
  });
}

SiberianVolume::SiberianVolume(const fs::path& file) : file_(file) {
  facts_ = parse_siberian_facts(provenance(), file_.name());
  const Hdf5Array& images = file_.at("images", PixelType::u16, 4);
  const Hdf5Array& label = file_.at("label", PixelType::u8, 3);
  size_ = {label.shape[2], label.shape[1], label.shape[0]};
  const std::vector<int64_t> expected{static_cast<int64_t>(facts_.sequences.size()), size_[2], size_[1], size_[0]};
  if (images.shape != expected) throw_damaged(file_.name(), "its images are not of the shape of its label");
}

std::string SiberianVolume::provenance() const {
  const Hdf5Array& text = file_.at("provenance", PixelType::u8, 1);
  return {reinterpret_cast<const char*>(text.bytes.data()), text.bytes.size()};
}

Image SiberianVolume::slice_of(const Hdf5Array& array, int64_t index, int64_t z) const {
  LARMOR_ASSERT(z >= 0 && z < size_[2]);
  Image image = Image::make({size_[0], size_[1], 1}, 1, array.type);
  image.geometry = facts_.geometry;
  image.geometry.origin_mm = map_point(imaging::index_to_point(facts_.geometry), {0, 0, static_cast<double>(z)});
  std::memcpy(image.bytes.data(), array.bytes.data() + static_cast<size_t>(index * size_[2] + z) * image.bytes.size(), image.bytes.size());
  return image;
}

Image SiberianVolume::image(size_t sequence, int64_t z) const {
  LARMOR_ASSERT(sequence < facts_.sequences.size());
  return slice_of(file_.at("images", PixelType::u16, 4), static_cast<int64_t>(sequence), z);
}

Image SiberianVolume::label(int64_t z) const { return slice_of(file_.at("label", PixelType::u8, 3), 0, z); }

Image sequences_at(const std::function<Image(size_t sequence, int64_t z)>& stored_at, const std::vector<size_t>& sequences, int64_t slices,
                   int64_t z) {
  LARMOR_ASSERT(!sequences.empty() && slices > 0);
  const int64_t inside = std::clamp<int64_t>(z, 0, slices - 1);
  const auto channels = static_cast<int64_t>(sequences.size());
  Image result;
  for (int64_t c = 0; c < channels; ++c) {
    const Image stored = stored_at(sequences[static_cast<size_t>(c)], inside);
    if (c == 0) {
      result = Image::make(stored.size, channels, PixelType::f32);
      result.geometry = stored.geometry;
    }
    const uint16_t* values = stored.data<uint16_t>();
    float* out = result.data<float>() + c;
    for (int64_t i = 0; i < stored.voxels(); ++i) out[i * channels] = static_cast<float>(values[i]) / kFullScale;
  }
  return result;
}

bool is_siberian_cache(const fs::path& folder) {
  std::error_code ignored;
  const fs::path file = folder / kSiberianIndex;
  return fs::is_regular_file(file, ignored) && read_file(file).find(kFormat) != std::string::npos;
}

SiberianIndex read_siberian_index(const fs::path& folder) {
  const fs::path file = folder / kSiberianIndex;
  return read_json(read_file(file), file.string(), [&](const json& stored) {
    SiberianIndex index;
    std::set<std::string> names;
    stored.at("sequences").get_to(index.sequences);
    index.labels = labels_from(stored.at("labels"), file.string());
    stored.at("phantom").get_to(index.is_phantom);
    for (const json& entry : stored.at("volumes")) {
      index.entries.push_back(
          {entry.at("name").get<std::string>(), entry.at("excluded").get<std::string>(), entry.at("key").get<std::string>()});
      const std::string& name = index.entries.back().name;
      if (!names.insert(name).second) throw_damaged(file.string(), fmt::format("names volume {} twice", in_quotes(name)));
      if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
        throw_damaged(file.string(), fmt::format("{} is no name of a volume", in_quotes(name)));
    }
    return index;
  });
}

void write_siberian_index(const fs::path& folder, const SiberianIndex& index) {
  json volumes = json::array();
  for (const SiberianIndex::Entry& entry : index.entries)
    volumes.push_back({{"name", entry.name}, {"excluded", entry.reason}, {"key", entry.key}});
  const json stored{{"format", kFormat},      {"version", kSiberianVersion}, {"sequences", index.sequences},
                    {"labels", index.labels}, {"phantom", index.is_phantom}, {"volumes", volumes}};
  write_file_atomically(folder / kSiberianIndex, stored.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

fs::path siberian_volume_file(const fs::path& folder, const std::string& name) { return folder / kSiberianVolumes / (name + ".h5"); }

}  // namespace larmor::datasets
