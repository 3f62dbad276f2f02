#include "imaging/registration.h"

#include <fmt/format.h>
#include <itkEuler3DTransform.h>
#include <itkImage.h>
#include <itkMattesMutualInformationImageToImageMetricv4.h>
#include <itkRegularStepGradientDescentOptimizerv4.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/random.h"
#include "imaging/resample.h"

namespace larmor::imaging {

namespace {

using ItkImage = itk::Image<float, 3>;
using Optimizer = itk::RegularStepGradientDescentOptimizerv4<double>;
using Euler = itk::Euler3DTransform<double>;

constexpr double kLeastOverlap = 0.25;
/// How many nats a result must stand above its surroundings: chance alone gives less than 0.005, heads in two contrasts 0.1 and more.
constexpr double kLeastPeak = 0.02;

/// The metric with its points in one part. ITK's own setter limits the threads only and still sums in as many parts as there are cores,
/// in the order in which they end.
class Metric : public itk::MattesMutualInformationImageToImageMetricv4<ItkImage, ItkImage> {
 public:
  using Self = Metric;
  using Superclass = itk::MattesMutualInformationImageToImageMetricv4<ItkImage, ItkImage>;
  using Pointer = itk::SmartPointer<Self>;
  itkSimpleNewMacro(Self);

 protected:
  Metric() {
    SetMaximumNumberOfWorkUnits(1);
    m_SparseGetValueAndDerivativeThreader->SetNumberOfWorkUnits(1);
  }
};

/// ITK's view of an f32 volume, which must outlive it. Coordinates are the same: LPS millimetres.
ItkImage::Pointer view_of(Image& image) {
  auto view = ItkImage::New();
  ItkImage::SizeType size;
  ItkImage::DirectionType direction;
  for (unsigned i = 0; i < 3; ++i) {
    size[i] = static_cast<itk::SizeValueType>(image.size[i]);
    for (unsigned j = 0; j < 3; ++j) direction(i, j) = image.geometry.direction[3 * i + j];
  }
  view->SetRegions(ItkImage::RegionType(size));
  view->SetSpacing(image.geometry.spacing_mm.data());
  view->SetOrigin(image.geometry.origin_mm.data());
  view->SetDirection(direction);
  view->GetPixelContainer()->SetImportPointer(image.data<float>(), static_cast<size_t>(image.voxels()), false);
  return view;
}

/// Where a volume shows something.
struct Foreground {
  std::array<int64_t, 3> first{}, last{};  ///< box of voxels
  Point centre_mm{};                       ///< of mass
  double radius_mm = 1;                    ///< root mean square distance from the centre
  bool has_contrast = false;
};

/// A tenth of the way from the darkest to the 99th percentile: air is below it in every sequence.
float foreground_threshold(const Image& image) {
  const float* values = image.data<float>();
  const int64_t step = std::max<int64_t>(1, image.voxels() / 100000);
  std::vector<float> some;
  for (int64_t i = 0; i < image.voxels(); i += step) some.push_back(values[i]);
  const auto rank = some.begin() + static_cast<int64_t>(0.99 * static_cast<double>(some.size() - 1));
  std::nth_element(some.begin(), rank, some.end());
  const float bright = *rank;
  const float dark = *std::min_element(some.begin(), some.end());
  return dark + 0.1F * (bright - dark);
}

Foreground foreground_of(const Image& image) {
  Foreground found;
  found.first = image.size;
  const float threshold = foreground_threshold(image);
  const AffineTransform place = index_to_point(image.geometry);
  double count = 0, squares = 0;
  Point sum{};
  const float* value = image.data<float>();
  for (int64_t z = 0; z < image.size[2]; ++z) {
    for (int64_t y = 0; y < image.size[1]; ++y) {
      for (int64_t x = 0; x < image.size[0]; ++x, ++value) {
        if (!(*value > threshold)) continue;
        const std::array<int64_t, 3> index = {x, y, z};
        const Point point = map_point(place, {static_cast<double>(x), static_cast<double>(y), static_cast<double>(z)});
        for (size_t i = 0; i < 3; ++i) {
          found.first[i] = std::min(found.first[i], index[i]);
          found.last[i] = std::max(found.last[i], index[i]);
          sum[i] += point[i];
          squares += point[i] * point[i];
        }
        ++count;
      }
    }
  }
  if (count == 0) return found;
  found.has_contrast = true;
  for (size_t i = 0; i < 3; ++i) {
    found.centre_mm[i] = sum[i] / count;
    squares -= sum[i] * found.centre_mm[i];
  }
  found.radius_mm = std::max(1.0, std::sqrt(std::max(0.0, squares / count)));
  return found;
}

Point centre_of_volume(const Image& image) {
  Point middle;
  for (size_t i = 0; i < 3; ++i) middle[i] = 0.5 * static_cast<double>(image.size[i] - 1);
  return map_point(index_to_point(image.geometry), middle);
}

/// Points spread over the foreground's box of the fixed volume, between voxels too, which keeps the grid out of the histogram.
Metric::FixedSampledPointSetPointer sample_points(const Image& fixed, const Foreground& foreground, int64_t count, RandomKey key) {
  auto points = Metric::FixedSampledPointSetType::New();
  const AffineTransform place = index_to_point(fixed.geometry);
  Random random(key);
  for (int64_t i = 0; i < count; ++i) {
    Point index;
    for (size_t j = 0; j < 3; ++j)
      index[j] = random.uniform(static_cast<double>(foreground.first[j]), static_cast<double>(foreground.last[j]));
    const Point at = map_point(place, index);
    Metric::FixedSampledPointSetType::PointType point;
    for (unsigned j = 0; j < 3; ++j) point[j] = at[j];
    points->SetPoint(static_cast<itk::IdentifierType>(i), point);
  }
  return points;
}

Euler::Pointer euler_about(const Point& centre_mm) {
  auto transform = Euler::New();
  transform->SetComputeZYX(true);
  Euler::InputPointType centre;
  for (unsigned i = 0; i < 3; ++i) centre[i] = centre_mm[i];
  transform->SetCenter(centre);
  return transform;
}

AffineTransform transform_of(const Euler& euler) {
  AffineTransform transform;
  for (unsigned i = 0; i < 3; ++i) {
    for (unsigned j = 0; j < 3; ++j) transform.matrix[3 * i + j] = euler.GetMatrix()(i, j);
    transform.translation_mm[i] = euler.GetTranslation()[i];
    transform.centre_mm[i] = euler.GetCenter()[i];
  }
  return transform;
}

/// One level: smoothed volumes with the metric between them.
class Level {
 public:
  Level(const Image& fixed, const Image& moving, const Foreground& foreground, double smoothing_mm, int64_t points,
        const RegistrationOptions& options)
      : fixed_(smooth(fixed, smoothing_mm, options.threads)),
        moving_(smooth(moving, smoothing_mm, options.threads)),
        radius_mm_(foreground.radius_mm),
        points_(points) {
    metric_->SetFixedImage(view_of(fixed_));
    metric_->SetMovingImage(view_of(moving_));
    metric_->SetNumberOfHistogramBins(static_cast<itk::SizeValueType>(options.bins));
    metric_->SetUseFixedImageGradientFilter(false);  // gradients at the points only: no volume of vectors
    metric_->SetUseMovingImageGradientFilter(false);
    metric_->SetFixedSampledPointSet(sample_points(fixed, foreground, points, RandomKey(options.seed).with(static_cast<uint64_t>(points))));
    metric_->SetUseSampledPointSet(true);
  }

  /// Mutual information; nothing where too few points meet.
  std::optional<double> information(const Euler::ParametersType& parameters, const Point& centre_mm) {
    const auto transform = euler_about(centre_mm);
    transform->SetParameters(parameters);
    metric_->SetMovingTransform(transform);
    try {
      metric_->Initialize();
      const double value = -metric_->GetValue();
      if (overlap() < kLeastOverlap || !std::isfinite(value)) return {};
      return value;
    } catch (const itk::ExceptionObject&) {
      return {};
    }
  }

  /// Part of the points inside the moving volume, of the last evaluation.
  double overlap() const { return static_cast<double>(metric_->GetNumberOfValidPoints()) / static_cast<double>(points_); }

  /// Climbs from `parameters`; where the descent breaks down the start is returned.
  Euler::ParametersType improve(const Euler::ParametersType& parameters, const Point& centre_mm, double step_mm, int64_t iterations) {
    const auto transform = euler_about(centre_mm);
    transform->SetParameters(parameters);
    metric_->SetMovingTransform(transform);
    auto optimizer = Optimizer::New();
    Optimizer::ScalesType scales(6);
    for (unsigned i = 0; i < 6; ++i)
      scales[i] = i < 3 ? radius_mm_ * radius_mm_ : 1;  // a step moves the head's rim as far as a shift would
    optimizer->SetMetric(metric_);
    optimizer->SetScales(scales);
    optimizer->SetLearningRate(step_mm);
    optimizer->SetMinimumStepLength(1e-3);
    optimizer->SetGradientMagnitudeTolerance(1e-9);
    optimizer->SetRelaxationFactor(0.6);
    optimizer->SetNumberOfIterations(static_cast<itk::SizeValueType>(iterations));
    optimizer->SetDoEstimateLearningRateOnce(false);
    optimizer->SetDoEstimateScales(false);
    optimizer->SetReturnBestParametersAndValue(true);
    try {
      metric_->Initialize();
      optimizer->StartOptimization();
      return optimizer->GetCurrentPosition();
    } catch (const itk::ExceptionObject&) {
      return parameters;
    }
  }

 private:
  Image fixed_, moving_;
  double radius_mm_;
  int64_t points_;
  Metric::Pointer metric_ = Metric::New();
};

Euler::ParametersType shifted_by(const Point& from, const Point& to) {
  Euler::ParametersType parameters(6);
  parameters.Fill(0);
  for (unsigned i = 0; i < 3; ++i) parameters[3 + i] = to[i] - from[i];
  return parameters;
}

/// The candidate with the most information; the first one where none has any.
Euler::ParametersType best_start(Level& level, const std::vector<Euler::ParametersType>& candidates, const Point& centre_mm) {
  Euler::ParametersType best = candidates.front();
  double most = -1;
  for (const Euler::ParametersType& candidate : candidates) {
    const double information = level.information(candidate, centre_mm).value_or(-1);
    if (information <= most) continue;
    most = information;
    best = candidate;
  }
  return best;
}

double most_information_nearby(Level& level, const Euler::ParametersType& result, const Point& centre_mm) {
  constexpr double kAngle = 10 * 3.14159265358979 / 180, kShift_mm = 10;
  double most = 0;
  for (unsigned i = 0; i < 6; ++i) {
    for (const int sign : {-1, 1}) {
      Euler::ParametersType nearby = result;
      nearby[i] += sign * (i < 3 ? kAngle : kShift_mm);
      most = std::max(most, level.information(nearby, centre_mm).value_or(0));
    }
  }
  return most;
}

void check_volume(const Image& image, const std::string& name) {
  if (image.channels != 1) throw_data_error(fmt::format("{}: registration needs one channel, not {}", name, image.channels));
  if (!image.geometry.has_spacing) throw_data_error(fmt::format("{}: registration needs a voxel size, and the file stores none", name));
  constexpr int64_t kLeast = 4;
  if (*std::min_element(image.size.begin(), image.size.end()) < kLeast) {
    throw_data_error(fmt::format("{}: {} x {} x {} voxels; registration needs at least {} along each axis", name, image.size[0],
                                 image.size[1], image.size[2], kLeast));
  }
}

/// NaN and infinities, which would poison every sum, become 0.
Image finite_values(const Image& image) {
  Image values = convert(image, PixelType::f32);
  for (int64_t i = 0; i < values.voxels(); ++i) {
    if (!std::isfinite(values.data<float>()[i])) values.data<float>()[i] = 0;
  }
  return values;
}

std::string failure_of(const RegistrationResult& result, bool has_information, const RegistrationOptions& options) {
  if (!has_information) return fmt::format("less than {:.0f} % of the volumes overlap", 100 * kLeastOverlap);
  if (result.shift_mm > options.most_shift_mm) {
    return fmt::format("shift of {:.1f} mm, more than {:.1f} mm", result.shift_mm, options.most_shift_mm);
  }
  if (result.angle_deg > options.most_angle_deg) {
    return fmt::format("rotation of {:.1f} degrees, more than {:.1f}", result.angle_deg, options.most_angle_deg);
  }
  if (result.information < result.information_start) return "mutual information did not grow";
  if (result.information < kLeastPeak + result.information_nearby) {
    return fmt::format("mutual information {:.4f} stands out too little from {:.4f} nearby", result.information, result.information_nearby);
  }
  return "";
}

void describe(RegistrationResult& result, Level& level, const Euler::ParametersType& parameters, const Foreground& foreground,
              const RegistrationOptions& options) {
  const Point& centre = foreground.centre_mm;
  result.information_start = level.information(shifted_by({}, {}), centre).value_or(0);
  result.information_nearby = most_information_nearby(level, parameters, centre);
  const auto information = level.information(parameters, centre);
  result.information = information.value_or(0);
  result.overlap = level.overlap();
  const auto transform = euler_about(centre);
  transform->SetParameters(parameters);
  result.fixed_to_moving = transform_of(*transform);
  const Point moved = map_point(result.fixed_to_moving, centre);
  result.shift_mm = std::hypot(moved[0] - centre[0], moved[1] - centre[1], moved[2] - centre[2]);
  result.angle_deg = rotation_angle_deg(result.fixed_to_moving);
  result.failure = failure_of(result, information.has_value(), options);
}

}  // namespace

RegistrationResult register_rigid(const Image& fixed, const Image& moving, const RegistrationOptions& options,
                                  const std::string& fixed_name, const std::string& moving_name) {
  check_volume(fixed, fixed_name);
  check_volume(moving, moving_name);
  LARMOR_ASSERT(!options.smoothing_mm.empty() && options.points > 0 && options.bins >= 5);
  const Image fixed_values = finite_values(fixed), moving_values = finite_values(moving);
  const Foreground foreground = foreground_of(fixed_values), moving_foreground = foreground_of(moving_values);
  RegistrationResult result;
  if (!foreground.has_contrast || !moving_foreground.has_contrast) {
    result.failure = fmt::format("{} has no contrast", foreground.has_contrast ? moving_name : fixed_name);
    return result;
  }
  const Point& centre = foreground.centre_mm;
  Euler::ParametersType parameters;
  const size_t levels = options.smoothing_mm.size();
  for (size_t i = 0; i < levels; ++i) {
    const int64_t points = std::max<int64_t>(1, options.points >> (levels - 1 - i));
    Level level(fixed_values, moving_values, foreground, options.smoothing_mm[i], points, options);
    if (i == 0) {
      parameters = best_start(level,
                              {shifted_by({}, {}), shifted_by(centre, moving_foreground.centre_mm),
                               shifted_by(centre_of_volume(fixed), centre_of_volume(moving))},
                              centre);
    }
    const double step_mm = std::max(0.5, options.smoothing_mm[i]);
    parameters = level.improve(parameters, centre, step_mm, options.iterations);
    if (i + 1 == levels) describe(result, level, parameters, foreground, options);
  }
  return result;
}

}  // namespace larmor::imaging
