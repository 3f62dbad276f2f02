// Surface distances (surface_distance.h) of volumes whose slices come one by one, in any order.
//
// Slices of one subject and session form a volume, placed by their numbers; a number that is missing is an empty slice. A volume of one
// slice is 2-D. Only the part around the masks is kept until all is computed.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "eval/surface_distance.h"
#include "eval/task.h"

namespace larmor::eval {

struct VolumeSurfacesOptions {
  SurfaceElements elements = SurfaceElements::surfels;
  std::vector<double> tolerances;  ///< of NSD
};

class VolumeSurfaces {
 public:
  explicit VolumeSurfaces(VolumeSurfacesOptions options) : options_(std::move(options)) {}

  /// Error (data): a slice of another size or spacing than the others of its volume, or with a spacing where the others have none; slice
  /// numbers that are 100 000 apart.
  void add(const MaskedSlice& slice);
  /// The unit of all distances: "mm" where the source knows its spacing, else "px".
  std::string unit() const { return has_spacing_ ? "mm" : "px"; }
  /// Per subject and label (0: whatever is not 0 is inside), in the order of `labels`. Several sessions of a subject are averaged; a
  /// mask that is alone in one of them counts as alone.
  std::map<std::string, std::vector<SurfaceScore>> score(const std::vector<uint8_t>& labels, int threads) const;

 private:
  /// The box of one slice that holds something.
  struct Piece {
    int64_t number = 0;
    int64_t x = 0, y = 0, width = 0, height = 0;
    std::vector<uint8_t> truth, prediction;
  };
  struct Volume {
    int64_t width = 0, height = 0;
    int64_t first = 0, last = 0;  ///< numbers of slices
    imaging::Geometry geometry;
    std::vector<Piece> pieces;
  };
  using Name = std::pair<std::string, std::string>;  ///< subject, session

  static SurfaceScore score_volume(const Volume& volume, uint8_t label, const VolumeSurfacesOptions& options, int threads);

  VolumeSurfacesOptions options_;
  std::map<Name, Volume> volumes_;
  bool has_spacing_ = false;
};

}  // namespace larmor::eval
