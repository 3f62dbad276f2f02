#include "imaging/bias_field.h"

#include <fmt/format.h>
#include <itkBSplineControlPointImageFilter.h>
#include <itkImage.h>
#include <itkN4BiasFieldCorrectionImageFilter.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace larmor::imaging {

namespace {

using ItkImage = itk::Image<float, 3>;
using ItkMask = itk::Image<unsigned char, 3>;
using N4 = itk::N4BiasFieldCorrectionImageFilter<ItkImage, ItkMask, ItkImage>;
using FieldFilter = itk::BSplineControlPointImageFilter<N4::BiasFieldControlPointLatticeType, N4::ScalarImageType>;

/// An ITK image whose grid is `size` voxels of this spacing, axis-aligned: the field needs no place in space.
template <class Pixels>
typename Pixels::Pointer allocated(const std::array<int64_t, 3>& size, const std::array<double, 3>& spacing) {
  auto image = Pixels::New();
  typename Pixels::SizeType extent;
  for (unsigned i = 0; i < 3; ++i) extent[i] = static_cast<itk::SizeValueType>(size[i]);
  image->SetRegions(typename Pixels::RegionType(extent));
  image->SetSpacing(spacing.data());
  image->Allocate();
  return image;
}

float bright_threshold(const Image& image) {
  const float* values = image.data<float>();
  std::vector<float> some;
  const int64_t step = std::max<int64_t>(1, image.voxels() / 100000);
  for (int64_t i = 0; i < image.voxels(); i += step) some.push_back(std::isfinite(values[i]) ? values[i] : 0);
  const auto rank = some.begin() + static_cast<int64_t>(0.99 * static_cast<double>(some.size() - 1));
  std::nth_element(some.begin(), rank, some.end());
  return 0.1F * *rank;
}

/// Every step-th voxel, with the mask of bright ones.
struct Shrunken {
  ItkImage::Pointer image;
  ItkMask::Pointer mask;
  int64_t bright = 0;
};

Shrunken shrink(const Image& image, int64_t most) {
  std::array<int64_t, 3> step, size;
  std::array<double, 3> spacing;
  constexpr int64_t kLeast = 32;
  for (size_t i = 0; i < 3; ++i) {
    step[i] = std::clamp<int64_t>(image.size[i] / kLeast, 1, most);
    size[i] = (image.size[i] + step[i] - 1) / step[i];
    spacing[i] = image.geometry.spacing_mm[i] * static_cast<double>(step[i]);
  }
  Shrunken small{allocated<ItkImage>(size, spacing), allocated<ItkMask>(size, spacing)};
  const float threshold = bright_threshold(image);
  float* value = small.image->GetBufferPointer();
  unsigned char* inside = small.mask->GetBufferPointer();
  for (int64_t z = 0; z < size[2]; ++z) {
    for (int64_t y = 0; y < size[1]; ++y) {
      for (int64_t x = 0; x < size[0]; ++x, ++value, ++inside) {
        const float here = image.data<float>()[(z * step[2] * image.size[1] + y * step[1]) * image.size[0] + x * step[0]];
        const bool is_bright = std::isfinite(here) && here > threshold && here > 0;
        *value = is_bright ? here : 0;
        *inside = is_bright ? 1 : 0;
        small.bright += is_bright ? 1 : 0;
      }
    }
  }
  return small;
}

N4::BiasFieldControlPointLatticeType::Pointer fit(const Shrunken& small, const BiasFieldOptions& options) {
  auto filter = N4::New();
  filter->SetInput(small.image);
  filter->SetMaskImage(small.mask);
  filter->SetMaskLabel(1);
  N4::ArrayType levels;
  levels.Fill(static_cast<unsigned>(options.iterations.size()));
  N4::VariableSizeArrayType iterations(static_cast<unsigned>(options.iterations.size()));
  for (unsigned i = 0; i < iterations.Size(); ++i) iterations[i] = static_cast<unsigned>(options.iterations[i]);
  filter->SetNumberOfFittingLevels(levels);
  filter->SetMaximumNumberOfIterations(iterations);
  filter->SetConvergenceThreshold(options.convergence);
  filter->SetBiasFieldFullWidthAtHalfMaximum(options.fwhm);
  filter->SetNumberOfWorkUnits(1);  // sums in one order on every machine
  filter->Update();
  return const_cast<N4::BiasFieldControlPointLatticeType*>(filter->GetLogBiasFieldControlPointLattice());
}

N4::ScalarImageType::Pointer field_on(const N4::BiasFieldControlPointLatticeType::Pointer& lattice, const Image& image) {
  const auto grid = allocated<ItkImage>(image.size, image.geometry.spacing_mm);
  auto filter = FieldFilter::New();
  filter->SetInput(lattice);
  filter->SetSplineOrder(3);
  filter->SetSize(grid->GetLargestPossibleRegion().GetSize());
  filter->SetOrigin(grid->GetOrigin());
  filter->SetSpacing(grid->GetSpacing());
  filter->SetDirection(grid->GetDirection());
  filter->Update();
  return filter->GetOutput();
}

void divide(Image& image, const N4::ScalarImageType& field) {
  const N4::ScalarImageType::PixelType* logarithm = field.GetBufferPointer();
  float* values = image.data<float>();
  const float threshold = bright_threshold(image);
  double sum = 0;
  int64_t bright = 0;
  for (int64_t i = 0; i < image.voxels(); ++i) {
    if (!(values[i] > threshold)) continue;
    sum += double{logarithm[i][0]};
    ++bright;
  }
  const double mean = bright == 0 ? 0 : sum / static_cast<double>(bright);
  for (int64_t i = 0; i < image.voxels(); ++i) values[i] = static_cast<float>(double{values[i]} / std::exp(double{logarithm[i][0]} - mean));
}

}  // namespace

Image correct_bias_field(const Image& volume, const BiasFieldOptions& options, const std::string& name) {
  LARMOR_ASSERT(!options.iterations.empty() && options.shrink >= 1);
  constexpr int64_t kLeast = 4;
  if (volume.channels != 1 || *std::min_element(volume.size.begin(), volume.size.end()) < kLeast) {
    throw_data_error(
        fmt::format("{}: {} x {} x {} voxels with {} channels; bias correction needs one channel and at least {} voxels along each axis",
                    name, volume.size[0], volume.size[1], volume.size[2], volume.channels, kLeast));
  }
  Image image = convert(volume, PixelType::f32);
  const Shrunken small = shrink(image, options.shrink);
  if (small.bright == 0) throw_data_error(fmt::format("{}: no bright voxel to fit a bias field to", name));
  try {
    divide(image, *field_on(fit(small, options), image));
  } catch (const itk::ExceptionObject& error) {
    throw_data_error(fmt::format("{}: no bias field was found: {}", name, printable(error.GetDescription())));
  }
  return image;
}

}  // namespace larmor::imaging
