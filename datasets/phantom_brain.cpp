#include "datasets/phantom_brain.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "datasets/normal_stream.h"
#include "imaging/opencv.h"

namespace larmor::datasets {

namespace {

using imaging::Image;
using imaging::PixelType;

constexpr double kBase = -0.55;    // height of the first slice
constexpr double kTop = 0.72;      // height of the last one
constexpr double kHeadTop = 0.69;  // height where the head ends
constexpr float kSkin = 0.035f;    // depth below the surface where each layer ends
constexpr float kBone = 0.075f;
constexpr float kFluid = 0.092f;
constexpr float kBend = 0.012f;  // how far the random displacement reaches (one SD)

/// Signal of a tissue in T1, FLAIR, T1CE, T2.
using Signal = std::array<float, 4>;
constexpr Signal kAir{3, 3, 3, 3};
constexpr Signal kFat{168, 112, 172, 150};
constexpr Signal kCompactBone{20, 12, 22, 14};
constexpr Signal kMarrow{92, 54, 96, 70};
constexpr Signal kMuscle{66, 58, 84, 48};
constexpr Signal kCsf{28, 14, 30, 232};
constexpr Signal kGrey{76, 108, 88, 112};
constexpr Signal kWhite{112, 80, 118, 84};
constexpr Signal kNucleus{92, 96, 99, 94};
constexpr Signal kEye{30, 20, 32, 226};
constexpr Signal kVessel{46, 22, 205, 16};
constexpr Signal kOedema{62, 200, 66, 196};
constexpr Signal kCore{44, 158, 48, 178};
constexpr Signal kRim{70, 186, 214, 150};
constexpr Signal kEnhancing{70, 150, 222, 152};
constexpr Signal kNonEnhancing{56, 176, 60, 192};
constexpr Signal kNecrotic{36, 78, 40, 216};

/// 0 below `low`, 1 above `high`, smooth between; falls when low > high.
float step(float low, float high, float value) {
  const float t = std::clamp((value - low) / (high - low), 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}

float bump(float value, float centre, float width) {
  const float t = (value - centre) / width;
  return std::exp(-t * t);
}

/// Moves `signal` towards `tissue` by a part of 0 … 1.
void blend(Signal& signal, const Signal& tissue, float part) {
  for (size_t c = 0; c < signal.size(); ++c) signal[c] += part * (tissue[c] - signal[c]);
}

/// Distance to an ellipse's border in parts of its radii: 0 at the centre, 1 on the border.
float ellipse(float x, float y, float centre_x, float centre_y, float radius_x, float radius_y) {
  return std::hypot((x - centre_x) / radius_x, (y - centre_y) / radius_y);
}

/// Distance to a line segment.
float segment(float x, float y, float x0, float y0, float x1, float y1) {
  const float dx = x1 - x0, dy = y1 - y0;
  const float t = std::clamp(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0.0f, 1.0f);
  return std::hypot(x - x0 - t * dx, y - y0 - t * dy);
}

/// A plane of a smooth random field in space: mean 0, variance 1, structures of about `wavelength`.
cv::Mat smooth_plane(RandomKey key, double wavelength, double height, int64_t size) {
  constexpr double kPerWave = 6;  // grid points per wavelength: enough for a smooth enlargement
  const int grid = std::max(8, static_cast<int>(std::ceil(2 * kPerWave / wavelength)));
  const double layer = height / wavelength * kPerWave;
  const double sigma = kPerWave / 4;
  cv::Mat sum = cv::Mat::zeros(grid, grid, CV_32F);
  cv::Mat white(grid, grid, CV_32F);
  for (int k = -3; k <= 3; ++k) {
    const double at = std::floor(layer) + k;
    const double distance = (at - layer) / sigma;
    NormalStream(key.with(static_cast<uint64_t>(static_cast<int64_t>(at)))).fill({white.ptr<float>(), white.total()});
    sum += white * std::exp(-distance * distance / 2);
  }
  cv::Mat fine, coarse, plane;
  cv::GaussianBlur(sum, fine, {}, sigma, sigma, cv::BORDER_REFLECT_101);
  cv::GaussianBlur(sum, coarse, {}, 2 * sigma, 2 * sigma, cv::BORDER_REFLECT_101);
  fine -= coarse;  // keeps a band of frequencies: folds of one width
  cv::Scalar mean, sd;
  cv::meanStdDev(fine, mean, sd);
  cv::resize(fine, plane, cv::Size(static_cast<int>(size), static_cast<int>(size)), 0, 0, cv::INTER_CUBIC);
  plane = (plane - mean[0]) / sd[0];
  return plane;
}

/// The random fields of one slice.
struct Fields {
  cv::Mat folds;   ///< gyri and sulci
  cv::Mat fine;    ///< texture
  cv::Mat broad;   ///< tumour outlines, tissue mottling
  cv::Mat bend_x;  ///< displacement of everything
  cv::Mat bend_y;
  cv::Mat coil;  ///< bias field
};

Fields make_fields(RandomKey key, double height, int64_t size) {
  return {smooth_plane(key.with("folds"), 0.17, height, size), smooth_plane(key.with("fine"), 0.06, height, size),
          smooth_plane(key.with("broad"), 0.3, height, size),  smooth_plane(key.with("bend x"), 0.8, height, size),
          smooth_plane(key.with("bend y"), 0.8, height, size), smooth_plane(key.with("coil"), 1.6, height, size)};
}

/// A point of the head with the random fields there.
struct Point {
  float x = 0, y = 0, z = 0;
  float folds = 0, fine = 0, broad = 0;
};

/// The shape of one head at one height.
struct Section {
  float width = 0;  ///< half width and half length of the head here; 0 above it
  float length = 0;
  float ventricles = 1;  ///< relative size
  float folding = 1;     ///< relative width of sulci
  float thickness = 1;   ///< of the layers, which are cut obliquely near the top
};

/// What is known of a point of the brain besides its signal.
struct Tissue {
  Signal signal = kAir;
  float white = 0;  ///< part of white matter
  float brain = 0;  ///< part of brain tissue and sulci; cisterns and ventricles left out
};

/// Depth below the skin; negative outside.
float depth_below_skin(const Point& p, const Section& s) {
  const float taper = 1 + 0.09f * p.y / s.length;  // narrower in front
  const float rho = std::hypot(p.x / (s.width * taper), p.y / s.length);
  return (1 - rho) * std::min(s.width, s.length);
}

/// Folded cortex around white matter; `depth` below the brain's surface.
Tissue cortex(const Point& p, float depth, const Section& s) {
  const float near_surface = std::exp(-depth * depth / 0.034f);
  const float fold = std::abs(p.folds + 0.2f * p.fine);
  const float sulcus = step(0.30f, 0.10f, fold / (0.9f * s.folding * near_surface + 1e-3f)) * near_surface;
  const float ribbon = std::max(step(1.0f, 0.75f, fold / (1.25f * near_surface + 1e-3f)), step(0.035f, 0.018f, depth));
  Tissue tissue;
  tissue.signal = kWhite;
  for (float& value : tissue.signal) value *= 1 + 0.02f * p.broad;
  blend(tissue.signal, kGrey, ribbon);
  blend(tissue.signal, kCsf, 0.85f * sulcus);
  blend(tissue.signal, kVessel, sulcus * step(1.7f, 2.2f, p.fine));
  tissue.white = (1 - ribbon) * (1 - sulcus);
  tissue.brain = 1;  // a tumour presses sulci shut
  return tissue;
}

void add_grey(Tissue& tissue, const Signal& signal, float part) {
  blend(tissue.signal, signal, part);
  tissue.white *= 1 - part;
}

void add_fluid(Tissue& tissue, float part) {
  blend(tissue.signal, kCsf, part);
  tissue.white *= 1 - part;
  tissue.brain *= 1 - part;
}

/// Thalamus, putamen, caudate nucleus and the fissure beside the insula; the two sides alike, so |x| is asked.
void add_deep_structures(Tissue& tissue, const Point& p) {
  const float x = std::abs(p.x);
  const float level = step(-0.24f, -0.12f, p.z) * step(0.22f, 0.12f, p.z);
  if (level <= 0) return;
  const float slant = x - 0.12f * (p.y + 0.05f);
  add_grey(tissue, kNucleus, level * step(1.1f, 0.9f, ellipse(x, p.y, 0.085f, 0.06f, 0.065f, 0.095f)));
  add_grey(tissue, kNucleus, level * step(1.15f, 0.9f, ellipse(slant, p.y, 0.205f, -0.05f, 0.034f, 0.105f)));
  add_grey(tissue, kNucleus, level * step(1.15f, 0.9f, ellipse(x, p.y, 0.105f, -0.20f, 0.026f, 0.055f)));
  const float insula = segment(x, p.y, 0.47f, -0.17f, 0.325f, -0.06f);
  const float insula_back = segment(x, p.y, 0.325f, -0.06f, 0.35f, 0.10f);
  const float fissure = std::min(insula, insula_back) + 0.004f * p.fine;
  add_grey(tissue, kGrey, level * step(0.042f, 0.026f, fissure));
  blend(tissue.signal, kCsf, level * step(0.017f, 0.008f, fissure));
}

/// Lateral ventricles: horns low, bodies high; the third ventricle between the thalami.
void add_ventricles(Tissue& tissue, const Point& p, const Section& s) {
  const float x = std::abs(p.x);
  const float horns = step(-0.17f, -0.07f, p.z) * step(0.20f, 0.10f, p.z);
  const float bodies = step(0.06f, 0.14f, p.z) * step(0.36f, 0.25f, p.z);
  if (horns + bodies <= 0) return;
  const float blur = 0.012f;
  const auto hollow = [&](float distance, float radius, float level) {
    const float wall = radius * s.ventricles * level;
    if (wall > 0.004f) add_fluid(tissue, step(wall + blur, wall - blur, distance + 0.003f * p.fine));
  };
  hollow(segment(x, p.y, 0.030f, -0.10f, 0.095f, -0.27f), 0.030f, horns);
  hollow(segment(x, p.y, 0.115f, 0.17f, 0.185f, 0.35f), 0.034f, horns);
  hollow(segment(x, p.y, 0.060f, -0.24f, 0.055f, 0.02f), 0.034f, bodies);
  hollow(segment(x, p.y, 0.055f, 0.02f, 0.125f, 0.27f), 0.036f, bodies);
  hollow(segment(x, p.y, 0.0f, 0.0f, 0.0f, 0.11f), 0.014f, step(-0.20f, -0.12f, p.z) * step(0.08f, 0.0f, p.z));
}

/// The gap between the hemispheres with the falx in it; closed in the middle at the height of the ventricles.
void add_midline(Tissue& tissue, const Point& p) {
  const float x = std::abs(p.x + 0.006f * p.broad);
  const float bridge = step(0.34f, 0.24f, p.z) * step(-0.36f, -0.30f, p.y) * step(0.40f, 0.30f, p.y);
  const float open = (1 - bridge) * step(-0.32f, -0.22f, p.z);
  if (open <= 0) return;
  add_grey(tissue, kGrey, open * step(0.040f, 0.026f, x + 0.006f * p.folds));
  add_fluid(tissue, open * step(0.014f, 0.006f, x));
  blend(tissue.signal, {70, 40, 170, 40}, open * 0.6f * step(0.006f, 0.002f, x));
}

/// Cerebellum with its leaves, brain stem, and the cisterns around them.
void add_posterior_fossa(Tissue& tissue, const Point& p) {
  const float level = step(-0.16f, -0.26f, p.z);
  if (level <= 0) return;
  const float grown = 0.75f + 0.5f * step(-0.2f, -0.4f, p.z);
  const float hind = ellipse(p.x, p.y, 0, 0.40f, 0.42f * grown, 0.235f * grown) + 0.03f * p.folds;
  add_fluid(tissue, level * 0.9f * step(1.10f, 1.03f, hind) * step(0.94f, 1.0f, hind));
  const float inside = level * step(1.0f, 0.95f, hind);
  if (inside > 0) {
    const float arc = std::hypot(p.x * 0.8f, p.y - 0.12f);
    const float leaf = std::sin(150 * arc + 1.3f * p.folds);
    Signal signal = kWhite;
    blend(signal, kGrey, step(0.30f, 0.55f, hind) * (0.65f + 0.35f * step(-0.2f, 0.5f, leaf)));
    blend(signal, kCsf, 0.40f * step(0.45f, 0.65f, hind) * step(0.65f, 0.95f, leaf));
    blend(tissue.signal, signal, inside);
    tissue.white *= 1 - inside;
  }
  add_fluid(tissue, level * step(0.028f, 0.018f, segment(p.x, p.y, 0, 0.20f, 0, 0.23f)));
  const float stem = ellipse(p.x, p.y, 0, 0.09f, 0.105f, 0.085f);
  add_fluid(tissue, level * step(1.42f, 1.25f, stem) * step(0.22f, 0.14f, p.y));
  blend(tissue.signal, {100, 88, 106, 88}, level * step(1.08f, 0.95f, stem));
  const float star = ellipse(p.x, p.y, 0, -0.08f, 0.10f, 0.065f) + 0.18f * std::cos(5 * std::atan2(p.y + 0.08f, p.x));
  add_fluid(tissue, level * step(-0.42f, -0.34f, p.z) * step(1.05f, 0.9f, star));
}

/// In front of and below the brain: eyes, muscle, fat, bone and air.
void add_face(Tissue& tissue, const Point& p) {
  const float front = -0.52f + 0.44f * step(-0.28f, -0.55f, p.z);
  const float border = front - 0.10f * p.x * p.x / 0.09f * step(-0.28f, -0.5f, p.z);
  const float face = step(-0.26f, -0.34f, p.z) * step(border + 0.02f, border - 0.02f, p.y);
  if (face <= 0) return;
  Signal signal = kMuscle;
  blend(signal, kFat, step(0.2f, 0.9f, p.broad + 0.3f * p.fine));
  blend(signal, kAir, step(0.6f, 0.8f, -p.broad) * step(0.24f, 0.16f, std::abs(p.x)));
  blend(signal, kCompactBone, step(0.022f, 0.012f, std::abs(p.y - border)));
  const float level = step(-0.28f, -0.34f, p.z) * step(-0.52f, -0.44f, p.z);
  const float eye = ellipse(std::abs(p.x), p.y, 0.24f, -0.60f, 0.105f, 0.105f);
  blend(signal, kFat, level * step(1.9f, 1.5f, eye));
  blend(signal, kMuscle, level * step(1.15f, 1.05f, eye));
  blend(signal, kEye, level * step(1.0f, 0.92f, eye));
  blend(tissue.signal, signal, face);
  tissue.white *= 1 - face;
  tissue.brain *= 1 - face;
}

Tissue tissue_at(const Point& p, const Section& s) {
  const float depth = depth_below_skin(p, s) / s.thickness;
  Tissue tissue;
  if (depth < -0.02f) return tissue;
  const float under_bone = depth - kFluid;
  if (under_bone > -0.01f) {
    tissue = cortex(p, under_bone * s.thickness, s);
    add_deep_structures(tissue, p);
    add_midline(tissue, p);
    add_ventricles(tissue, p, s);
    add_posterior_fossa(tissue, p);
    add_fluid(tissue, step(0.004f, -0.006f, under_bone));
    add_face(tissue, p);
  }
  if (depth < kFluid) {
    Signal shell = kAir;
    blend(shell, kFat, step(-0.006f, 0.004f, depth) * (0.86f + 0.05f * p.fine));
    blend(shell, kCompactBone, step(kSkin - 0.005f, kSkin + 0.003f, depth));
    blend(shell, kMarrow, 0.8f * bump(depth, (kSkin + kBone) / 2, 0.009f) * step(-0.4f, 0.6f, p.broad));
    blend(shell, kCsf, step(kBone - 0.003f, kBone + 0.005f, depth));
    blend(tissue.signal, shell, step(kFluid, kFluid - 0.008f, depth));
    tissue.brain *= step(kFluid - 0.008f, kFluid, depth);
  }
  // The sinus along the midline, filled with contrast agent.
  const float sinus = ellipse(p.x, p.y, 0, s.length - 1.25f * kFluid * s.thickness, 0.030f, 0.038f);
  blend(tissue.signal, kVessel, step(1.1f, 0.8f, sinus) * step(-0.3f, -0.2f, p.z));
  return tissue;
}

/// How deep a point lies in the tumour: above 0 inside, 1 at the centre. Oedema follows white matter, so grey matter resists.
float tumour_depth(const PhantomTumour& tumour, const Point& p, float white) {
  const auto dx = p.x - static_cast<float>(tumour.x), dy = p.y - static_cast<float>(tumour.y), dz = p.z - static_cast<float>(tumour.z);
  const auto c = static_cast<float>(std::cos(tumour.angle)), s = static_cast<float>(std::sin(tumour.angle));
  const auto stretch = static_cast<float>(std::sqrt(tumour.stretch)), radius = static_cast<float>(tumour.radius);
  const float along = (c * dx + s * dy) / (radius * stretch);
  const float across = (c * dy - s * dx) / (radius / stretch);
  const float height = dz / static_cast<float>(tumour.radius_z);
  const float distance = std::sqrt(along * along + across * across + height * height);
  if (distance > 2) return -1;
  return 1 - distance + 0.15f * p.broad + 0.08f * p.folds + 0.02f * p.fine - 0.10f * (1 - white);
}

/// The part of a tumour of the Siberian set at a depth: shells with ragged borders, of which each type has its own.
TumourClass class_at(PhantomTumourType type, float depth, const Point& p) {
  switch (type) {
    case PhantomTumourType::glioblastoma:
      if (depth < 0.32f) return TumourClass::edema;
      if (depth > 0.58f + 0.05f * p.fine) return TumourClass::necrotic;
      return p.broad < -0.7f ? TumourClass::non_enhancing : TumourClass::enhancing;
    case PhantomTumourType::astrocytoma:
      if (depth < 0.15f) return TumourClass::edema;
      return depth > 0.45f && p.broad > 1.0f ? TumourClass::enhancing : TumourClass::non_enhancing;
    case PhantomTumourType::meningioma:
      return depth < 0.28f ? TumourClass::edema : TumourClass::enhancing;
    case PhantomTumourType::neurinoma:
      return depth > 0.5f && p.broad > 0.2f ? TumourClass::necrotic : TumourClass::enhancing;
    case PhantomTumourType::low_grade_glioma:
      break;
  }
  return TumourClass::edema;
}

const Signal& signal_of(TumourClass part) {
  if (part == TumourClass::enhancing) return kEnhancing;
  if (part == TumourClass::non_enhancing) return kNonEnhancing;
  return part == TumourClass::necrotic ? kNecrotic : kOedema;
}

/// What the tumours leave of a point.
struct Abnormal {
  float part = 0;  ///< of the point that is abnormal on FLAIR
  TumourClass of = TumourClass::none;
};

/// Lays the tumours over the tissue.
Abnormal add_tumours(Tissue& tissue, const Point& p, const std::vector<PhantomTumour>& tumours) {
  Abnormal abnormal;
  for (const PhantomTumour& tumour : tumours) {
    const float depth = tumour_depth(tumour, p, tissue.white);
    // Neither across the midline nor into fluid.
    const float same_side = step(-0.012f, 0.004f, tumour.x > 0 ? p.x : -p.x);
    const float part = step(-0.05f, 0.05f, depth) * step(0.25f, 0.55f, tissue.brain) * same_side;
    if (part <= 0) continue;
    const TumourClass of = class_at(tumour.type, depth, p);
    Signal signal = signal_of(of);
    for (float& value : signal) value *= 1 + 0.05f * p.broad + 0.03f * p.fine;
    if (tumour.type == PhantomTumourType::low_grade_glioma) {
      const auto enhancement = static_cast<float>(tumour.enhancement);
      blend(signal, kCore, step(0.46f, 0.58f, depth));
      blend(signal, kRim, enhancement * bump(depth, 0.46f, 0.075f));
    }
    blend(tissue.signal, signal, 0.97f * part);
    if (part > abnormal.part) abnormal = {part, of};
  }
  return abnormal;
}

/// The head's outline at one height.
Section section_of(const PhantomHead& head, double z) {
  // A half ellipsoid above the widest height, a slowly narrowing column below.
  const double extent = z > 0 ? std::sqrt(std::max(0.0, 1 - z * z / (kHeadTop * kHeadTop))) : 1 - 0.10 * z * z / (kBase * kBase);
  return {static_cast<float>(head.half_width * extent), static_cast<float>(head.half_length * extent), static_cast<float>(head.ventricles),
          static_cast<float>(head.folding), static_cast<float>(1 / std::max(0.55, extent))};
}

/// Every pixel's signal without noise, and what part of a tumour it shows.
void draw(const PhantomHead& head, const std::vector<PhantomTumour>& tumours, const Fields& fields, float z, cv::Mat& signal,
          Image& classes) {
  const Section section = section_of(head, z);
  if (section.width <= 0) return;
  const auto c = static_cast<float>(std::cos(head.tilt)), s = static_cast<float>(std::sin(head.tilt));
  const float pixel = 2 / static_cast<float>(classes.width());
  for (int row = 0; row < signal.rows; ++row) {
    for (int column = 0; column < signal.cols; ++column) {
      const auto at = [&](const cv::Mat& field) { return field.at<float>(row, column); };
      const float u = (static_cast<float>(column) + 0.5f) * pixel - 1 - static_cast<float>(head.shift_x);
      const float v = (static_cast<float>(row) + 0.5f) * pixel - 1 - static_cast<float>(head.shift_y);
      const Point point{c * u + s * v + kBend * at(fields.bend_x),
                        c * v - s * u + kBend * at(fields.bend_y),
                        z,
                        at(fields.folds),
                        at(fields.fine),
                        at(fields.broad)};
      Tissue tissue = tissue_at(point, section);
      const Abnormal abnormal = tissue.brain > 0 ? add_tumours(tissue, point, tumours) : Abnormal{};
      if (abnormal.part > 0.5f) classes.data<uint8_t>()[row * classes.width() + column] = static_cast<uint8_t>(abnormal.of);
      signal.at<cv::Vec4f>(row, column) = {tissue.signal[0], tissue.signal[1], tissue.signal[2], tissue.signal[3]};
    }
  }
}

float sensitivity(const PhantomHead& head, const cv::Mat& coil, int row, int column) {
  return static_cast<float>(head.gain * std::exp(head.bias * coil.at<float>(row, column)));
}

void blur(cv::Mat& signal) { cv::GaussianBlur(signal, signal, {}, 0.55, 0.55, cv::BORDER_REPLICATE); }

/// Coil sensitivity, then the magnitude of a complex signal with noise in both parts.
void finish(cv::Mat& signal, const cv::Mat& coil, const PhantomHead& head, RandomKey key, Image& image) {
  blur(signal);
  NormalStream stream(key);
  std::vector<float> noise(static_cast<size_t>(image.width()) * 8);
  const auto sd = static_cast<float>(head.noise_sd);
  uint8_t* values = image.data<uint8_t>();
  for (int row = 0; row < signal.rows; ++row) {
    stream.fill(noise);
    const auto* clean = signal.ptr<float>(row);
    for (int column = 0; column < signal.cols; ++column) {
      const float factor = sensitivity(head, coil, row, column);
      for (int c = 0; c < 3; ++c) {
        const float* n = &noise[static_cast<size_t>(column) * 8 + static_cast<size_t>(2 * c)];
        const float real = factor * clean[column * 3 + c] + sd * n[0], imaginary = sd * n[1];
        *values++ = static_cast<uint8_t>(std::clamp(std::sqrt(real * real + imaginary * imaginary) + 0.5f, 0.0f, 255.0f));
      }
    }
  }
}

/// A slice as drawn: 4 channels of signal, and classes.
struct Drawn {
  Fields fields;
  cv::Mat signal;
  Image classes;
};

Drawn draw_slice(RandomKey key, const PhantomHead& head, const std::vector<PhantomTumour>& tumours, double z, int64_t size) {
  const auto side = static_cast<int>(size);
  Drawn drawn{make_fields(key.with("fields"), z, size), cv::Mat(side, side, CV_32FC4, cv::Scalar(kAir[0], kAir[1], kAir[2], kAir[3])),
              Image::make({size, size, 1}, 1, PixelType::u8)};
  draw(head, tumours, drawn.fields, static_cast<float>(z), drawn.signal, drawn.classes);
  return drawn;
}

double height_of(int64_t slice, int64_t slices) {
  return kBase + (kTop - kBase) * static_cast<double>(slice) / static_cast<double>(slices - 1);
}

}  // namespace

std::string to_string(PhantomTumourType type) {
  switch (type) {
    case PhantomTumourType::meningioma:
      return "meningioma";
    case PhantomTumourType::neurinoma:
      return "neurinoma";
    case PhantomTumourType::glioblastoma:
      return "glioblastoma";
    case PhantomTumourType::astrocytoma:
      return "astrocytoma";
    case PhantomTumourType::low_grade_glioma:
      break;
  }
  return "low_grade_glioma";
}

PhantomBrain::PhantomBrain(RandomKey key, int64_t slices, int64_t size, PhantomTumourType type) : key_(key), slices_(slices), size_(size) {
  Random random(key.with("head"));
  head_.half_width = random.uniform(0.60, 0.68);
  head_.half_length = random.uniform(0.77, 0.85);
  head_.ventricles = random.uniform(0.75, 1.45);
  head_.folding = random.uniform(0.85, 1.35);
  head_.tilt = random.uniform(-0.10, 0.10);
  head_.shift_x = random.uniform(-0.05, 0.05);
  head_.shift_y = random.uniform(-0.04, 0.04);
  head_.gain = random.uniform(0.82, 1.08);
  head_.bias = random.uniform(0.04, 0.11);
  head_.noise_sd = random.uniform(2.0, 4.5);
  if (type == PhantomTumourType::low_grade_glioma) {
    place_tumours();
  } else {
    place_tumour_of(type);
  }
}

/// One tumour where its type grows: meningiomas at the surface, neurinomas beside the brain stem, the others in white matter.
void PhantomBrain::place_tumour_of(PhantomTumourType type) {
  Random random(key_.with("tumours"));
  PhantomTumour tumour;
  tumour.type = type;
  const double side = random.chance(0.5) ? 1 : -1;
  if (type == PhantomTumourType::meningioma) {
    tumour.radius = random.uniform(0.16, 0.22);
    tumour.x = side * (head_.half_width - kFluid - 0.6 * tumour.radius);
    tumour.y = random.uniform(-0.2, 0.2);
    tumour.z = random.uniform(-0.02, 0.15);
  } else if (type == PhantomTumourType::neurinoma) {
    tumour.radius = random.uniform(0.11, 0.15);
    tumour.x = side * random.uniform(0.22, 0.27);
    tumour.y = random.uniform(0.26, 0.34);
    tumour.z = random.uniform(-0.36, -0.30);
  } else {
    tumour.radius = random.uniform(0.18, 0.28);
    tumour.x = side * random.uniform(0.20, 0.32);
    tumour.y = random.uniform(-0.32, 0.32);
    tumour.z = random.uniform(-0.05, 0.22);
  }
  tumour.radius_z = tumour.radius * random.uniform(0.8, 1.05);
  tumour.stretch = random.uniform(1, 1.4);
  tumour.angle = random.uniform(0, std::numbers::pi);
  tumours_.push_back(tumour);
}

/// One tumour in white matter; every third brain that has room for it gets a small second one, empty slices apart.
void PhantomBrain::place_tumours() {
  Random random(key_.with("tumours"));
  const double slice_height = (kTop - kBase) / static_cast<double>(slices_ - 1);
  PhantomTumour tumour;
  tumour.radius = 0.135 * std::pow(0.29 / 0.135, random.uniform());
  // The upper bound rules: with few slices it is the smaller one, and still reaches the nearest slice.
  tumour.radius_z = std::min(std::max(tumour.radius * random.uniform(0.75, 1.05), 1.1 * slice_height), 0.32);
  tumour.stretch = random.uniform(1, 1.6);
  tumour.angle = random.uniform(0, std::numbers::pi);
  tumour.enhancement = random.uniform(0.55, 1);
  const bool wants_second = random.chance(0.4);
  tumour.z = wants_second ? random.uniform(-0.10, 0.0) : random.uniform(-0.08, 0.24);
  const double side = random.chance(0.5) ? 1 : -1;
  tumour.x = side * random.uniform(0.20, 0.34);
  tumour.y = random.uniform(-0.36, 0.36);
  tumours_.push_back(tumour);
  if (!wants_second || slices_ < 16) return;
  PhantomTumour second = tumour;
  second.radius = random.uniform(0.08, 0.11);
  second.radius_z = std::max(0.06, 1.1 * slice_height);
  second.x = -side * random.uniform(0.16, 0.26);
  second.y = random.uniform(-0.3, 0.3);
  tumours_.front().radius_z = std::min(tumour.radius_z, 0.20);
  second.z = tumours_.front().z + 1.35 * tumours_.front().radius_z + 1.6 * second.radius_z + 2 * slice_height;
  if (second.z < 0.5) tumours_.push_back(second);
}

PhantomSlice PhantomBrain::render(int64_t slice) const {
  const bool can_hold_tumour = slice > 0 && slice < slices_ - 1;
  Drawn drawn = draw_slice(key_, head_, can_hold_tumour ? tumours_ : std::vector<PhantomTumour>{}, height_of(slice, slices_), size_);
  PhantomSlice result{Image::make({size_, size_, 1}, 3, PixelType::u8), std::move(drawn.classes)};
  uint8_t* mask = result.mask.data<uint8_t>();
  std::transform(mask, mask + result.mask.voxels(), mask, [](uint8_t of) { return static_cast<uint8_t>(of > 0 ? 255 : 0); });
  cv::Mat signal(drawn.signal.size(), CV_32FC3);
  cv::mixChannels(drawn.signal, signal, {0, 0, 1, 1, 2, 2});
  finish(signal, drawn.fields.coil, head_, key_.with("noise").with(static_cast<uint64_t>(slice)), result.image);
  return result;
}

PhantomSignals PhantomBrain::signals(int64_t slice) const {
  Drawn drawn = draw_slice(key_, head_, tumours_, height_of(slice, slices_), size_);
  blur(drawn.signal);
  PhantomSignals result{Image::make({size_, size_, 1}, 4, PixelType::f32), std::move(drawn.classes)};
  auto* values = result.signal.data<float>();
  for (int row = 0; row < drawn.signal.rows; ++row) {
    for (int column = 0; column < drawn.signal.cols; ++column) {
      const float factor = sensitivity(head_, drawn.fields.coil, row, column);
      const auto& signal = drawn.signal.at<cv::Vec4f>(row, column);
      for (int c = 0; c < 4; ++c) *values++ = factor * signal[c];
    }
  }
  return result;
}

}  // namespace larmor::datasets
