#include "datasets/preprocess.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/thread_pool.h"
#include "imaging/resize.h"
#include "imaging/spline_resize.h"

namespace larmor::datasets {

namespace {

using imaging::Image;
using imaging::PixelType;

constexpr size_t kFewestSlices = 3;
constexpr size_t kMostThreads = 16;

/// First and one past the last along an axis.
struct Extent {
  int64_t begin = std::numeric_limits<int64_t>::max();
  int64_t end = 0;
  int64_t size() const { return end - begin; }
  bool is_empty() const { return end <= begin; }
  void take(int64_t i) {
    begin = std::min(begin, i);
    end = std::max(end, i + 1);
  }
};

struct Box {
  Extent x, y, slices;
};

/// How values of a volume become the network's: clip to [low, high], scale to [0, 1], subtract the mean, divide by the deviation.
struct Scaling {
  double low = 0, high = 0;
  std::vector<double> mean, sd;

  double unit(double value) const { return high > low ? (std::clamp(value, low, high) - low) / (high - low) : 0; }
  float operator()(double value, size_t channel) const {
    return sd[channel] > 0 ? static_cast<float>((unit(value) - mean[channel]) / sd[channel]) : 0.0F;
  }
};

/// One session of a subject.
struct Volume {
  std::string name;
  std::vector<int64_t> slices;  ///< cases of the source, in order; what is left of them after the cut
  Box box;
  double floor = 0;            ///< what lies below becomes 0
  double least = 0, most = 0;  ///< after that, of the squares before resizing
  std::once_flag is_measured;
  Scaling scaling;
};

double value_at(const Image& image, int64_t i) {
  return image.type == PixelType::u8 ? static_cast<double>(image.data<uint8_t>()[i]) : static_cast<double>(image.data<float>()[i]);
}

template <class T>
void darken(Image& image, double floor) {
  T* values = image.data<T>();
  for (int64_t i = 0; i < image.elements(); ++i) {
    if (static_cast<double>(values[i]) < floor) values[i] = 0;
  }
}

void darken(Image& image, double floor) {
  if (image.type == PixelType::u8) {
    darken<uint8_t>(image, floor);
  } else {
    darken<float>(image, floor);
  }
}

double highest_of(const std::vector<RawSample>& slices) {
  double highest = -std::numeric_limits<double>::infinity();
  for (const RawSample& slice : slices) {
    for (int64_t i = 0; i < slice.image.elements(); ++i) highest = std::max(highest, value_at(slice.image, i));
  }
  return highest;
}

/// Of the voxels above 0 in any channel.
Box box_of(const std::vector<RawSample>& slices) {
  Box box;
  for (size_t z = 0; z < slices.size(); ++z) {
    const Image& image = slices[z].image;
    for (int64_t i = 0; i < image.elements(); ++i) {
      if (value_at(image, i) <= 0) continue;
      const int64_t pixel = i / image.channels;
      box.x.take(pixel % image.width());
      box.y.take(pixel / image.width());
      box.slices.take(static_cast<int64_t>(z));
    }
  }
  return box;
}

/// Cut to the box and squared.
Image squared(const Image& image, const Box& box) {
  Image cut = Image::make({box.x.size(), box.y.size(), 1}, image.channels, image.type);
  const int64_t pixel = static_cast<int64_t>(imaging::size_of(image.type)) * image.channels;
  for (int64_t y = 0; y < box.y.size(); ++y) {
    const auto* from = image.bytes.data() + ((box.y.begin + y) * image.width() + box.x.begin) * pixel;
    std::copy_n(from, box.x.size() * pixel, cut.bytes.data() + y * box.x.size() * pixel);
  }
  const int64_t side = std::max(cut.width(), cut.height());
  return imaging::pad_to(cut, side, side);
}

Image squared_label(const Image& label, const Box& box, int64_t size) {
  return label.voxels() == 0 ? label : imaging::resize_nearest(squared(label, box), size, size);
}

int64_t count_foreground(const Image& label) {
  const auto* pixels = label.data<uint8_t>();
  return label.voxels() - std::count(pixels, pixels + label.voxels(), uint8_t{0});
}

/// Linear between the two nearest ranks, as NumPy's default. Reorders the values.
double percentile(std::vector<float>& values, double percent) {
  const double rank = percent / 100 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(rank);
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), place, values.end());
  const double low = *place, part = rank - static_cast<double>(below);
  return part == 0 ? low : low + part * (*std::min_element(place + 1, values.end()) - low);
}

class PreparedSource final : public Source {
 public:
  PreparedSource(std::unique_ptr<Source> source, const PreprocessOptions& options);

  std::string name() const override { return source_->name(); }
  const std::vector<CaseInfo>& cases() const override { return cases_; }
  const std::vector<Study>& studies() const override { return studies_; }
  int64_t channels() const override { return source_->channels(); }
  std::vector<std::string> channel_names() const override { return source_->channel_names(); }
  RawSample load(int64_t index) const override;
  const std::vector<Finding>& findings() const override { return source_->findings(); }
  bool is_phantom() const override { return source_->is_phantom(); }
  std::string fingerprint() const override { return source_->fingerprint(); }

 private:
  struct Place {
    int64_t index = 0;  ///< of the source's case
    Volume* volume = nullptr;
  };

  void find_volumes();
  std::vector<int64_t> survey(Volume& volume) const;
  std::vector<RawSample> read(const Volume& volume) const;
  void measure(Volume& volume) const;
  Image resized(const Image& image, const Volume& volume) const;
  void add_cases(Volume& volume, const std::vector<int64_t>& foreground);
  void add_studies();

  const std::unique_ptr<Source> source_;
  const PreprocessOptions options_;
  std::vector<std::unique_ptr<Volume>> volumes_;
  std::vector<CaseInfo> cases_;
  std::vector<Place> places_;  ///< of each case
  std::vector<Study> studies_;
};

PreparedSource::PreparedSource(std::unique_ptr<Source> source, const PreprocessOptions& options)
    : source_(std::move(source)), options_(options) {
  find_volumes();
  std::vector<std::vector<int64_t>> foreground(volumes_.size());
  ThreadPool pool(std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMostThreads));
  pool.for_each(volumes_.size(), [&](size_t i) { foreground[i] = survey(*volumes_[i]); });
  for (size_t i = 0; i < volumes_.size(); ++i) add_cases(*volumes_[i], foreground[i]);
  add_studies();
}

void PreparedSource::find_volumes() {
  const CaseKey* before = nullptr;
  for (size_t i = 0; i < source_->cases().size(); ++i) {
    const CaseKey& key = source_->cases()[i].key;
    if (before == nullptr || before->subject != key.subject || before->session != key.session) {
      volumes_.push_back(std::make_unique<Volume>());
      volumes_.back()->name = CaseKey{key.subject, key.session, -1}.to_string();
    }
    volumes_.back()->slices.push_back(static_cast<int64_t>(i));
    before = &key;
  }
}

/// The slices of a volume, which must fit each other.
std::vector<RawSample> PreparedSource::read(const Volume& volume) const {
  std::vector<RawSample> slices;
  for (const int64_t index : volume.slices) {
    slices.push_back(source_->load(index));
    const Image &first = slices.front().image, &last = slices.back().image;
    if (last.size == first.size && last.type == first.type) continue;
    throw_data_error(fmt::format("{}: slices of {} x {} and {} x {} are no volume (data.preprocess)", volume.name, first.width(),
                                 first.height(), last.width(), last.height()));
  }
  return slices;
}

/// Steps 1 to 3, and the foreground of each slice that is left.
std::vector<int64_t> PreparedSource::survey(Volume& volume) const {
  if (volume.slices.size() < kFewestSlices) {
    throw_data_error(
        fmt::format("{}: {} slices; data.preprocess leaves out the first and the last and needs {} (data.exclude leaves out "
                    "the volume)",
                    volume.name, volume.slices.size(), kFewestSlices));
  }
  volume.slices.erase(volume.slices.begin());
  volume.slices.pop_back();
  std::vector<RawSample> slices = read(volume);
  volume.floor = options_.dark * highest_of(slices);
  for (RawSample& slice : slices) darken(slice.image, volume.floor);
  volume.box = box_of(slices);
  const Extent kept = volume.box.slices;
  if (kept.is_empty()) throw_data_error(volume.name + ": no voxel is above 0 (data.preprocess; data.exclude leaves out the volume)");
  volume.slices = {volume.slices.begin() + kept.begin, volume.slices.begin() + kept.end};
  volume.least = std::numeric_limits<double>::infinity();
  volume.most = -volume.least;
  std::vector<int64_t> foreground;
  for (auto slice = slices.begin() + kept.begin; slice != slices.begin() + kept.end; ++slice) {
    const Image square = squared(slice->image, volume.box);
    for (int64_t i = 0; i < square.elements(); ++i) {
      volume.least = std::min(volume.least, value_at(square, i));
      volume.most = std::max(volume.most, value_at(square, i));
    }
    foreground.push_back(count_foreground(squared_label(slice->label, volume.box, options_.size)));
  }
  return foreground;
}

/// Steps 2 to 5 of a slice.
Image PreparedSource::resized(const Image& image, const Volume& volume) const {
  Image dark = image;
  darken(dark, volume.floor);
  Image result = imaging::resize_quadratic(squared(dark, volume.box), options_.size, options_.size);
  float* values = result.data<float>();
  const auto least = static_cast<float>(volume.least), most = static_cast<float>(volume.most);
  // What lies outside of the image stays 0 even where the image itself has no 0.
  for (int64_t i = 0; i < result.elements(); ++i) values[i] = values[i] == 0 ? 0 : std::clamp(values[i], least, most);
  return result;
}

/// What steps 6 and 7 need to know of the whole volume.
void PreparedSource::measure(Volume& volume) const {
  const auto channels = static_cast<size_t>(source_->channels());
  std::vector<float> values;
  for (const int64_t index : volume.slices) {
    const Image slice = resized(source_->load(index).image, volume);
    values.insert(values.end(), slice.data<float>(), slice.data<float>() + slice.elements());
  }
  Scaling& scaling = volume.scaling;
  {
    std::vector<float> sorted = values;
    scaling.low = percentile(sorted, options_.low_percentile);
    scaling.high = percentile(sorted, options_.high_percentile);
  }
  const auto voxels = static_cast<double>(values.size()) / static_cast<double>(channels);
  scaling.mean.assign(channels, 0);
  scaling.sd.assign(channels, 0);
  for (size_t i = 0; i < values.size(); ++i) scaling.mean[i % channels] += scaling.unit(values[i]);
  for (double& mean : scaling.mean) mean /= voxels;
  for (size_t i = 0; i < values.size(); ++i) {
    const double distance = scaling.unit(values[i]) - scaling.mean[i % channels];
    scaling.sd[i % channels] += distance * distance;
  }
  for (double& sd : scaling.sd) sd = std::sqrt(sd / voxels);
}

void PreparedSource::add_cases(Volume& volume, const std::vector<int64_t>& foreground) {
  for (size_t i = 0; i < volume.slices.size(); ++i) {
    const CaseInfo& info = source_->cases()[static_cast<size_t>(volume.slices[i])];
    cases_.push_back({info.key, info.has_label, foreground[i]});
    places_.push_back({volume.slices[i], &volume});
  }
}

void PreparedSource::add_studies() {
  studies_ = source_->studies();
  for (Study& study : studies_) study.cases.clear();
  auto study = studies_.begin();
  for (size_t i = 0; i < cases_.size(); ++i) {
    while (study->subject != cases_[i].key.subject) ++study;
    study->cases.push_back(static_cast<int64_t>(i));
  }
}

RawSample PreparedSource::load(int64_t index) const {
  LARMOR_ASSERT(index >= 0 && index < static_cast<int64_t>(places_.size()));
  const Place& place = places_[static_cast<size_t>(index)];
  Volume& volume = *place.volume;
  std::call_once(volume.is_measured, [&] { measure(volume); });
  RawSample sample = source_->load(place.index);
  sample.image = resized(sample.image, volume);
  const auto channels = static_cast<size_t>(sample.image.channels);
  float* values = sample.image.data<float>();
  for (size_t i = 0; i < static_cast<size_t>(sample.image.elements()); ++i) values[i] = volume.scaling(values[i], i % channels);
  sample.label = squared_label(sample.label, volume.box, options_.size);
  return sample;
}

}  // namespace

OptionTable options_of(PreprocessOptions& options) {
  OptionTable table;
  table.add("kind", options.kind, "none, or buda: volumes cut, squared, resized and standardised as in the LGG study", {"none", "buda"});
  table.add("size", options.size, "buda: side of the prepared slices", between(16, 4096));
  table.add("dark", options.dark, "buda: voxels below this part of the volume's maximum become 0", between(0, 1));
  table.add("low_percentile", options.low_percentile, "buda: of the volume's values, becomes 0", between(0, 100));
  table.add("high_percentile", options.high_percentile, "buda: of the volume's values, becomes 1", between(0, 100));
  table.check("high_percentile", [&options]() -> std::string {
    return options.low_percentile < options.high_percentile ? "" : "must be above low_percentile";
  });
  return table;
}

std::unique_ptr<Source> preprocess(std::unique_ptr<Source> source, const PreprocessOptions& options) {
  if (options.kind == "none") return source;
  LARMOR_ASSERT(options.kind == "buda");
  return std::make_unique<PreparedSource>(std::move(source), options);
}

}  // namespace larmor::datasets
