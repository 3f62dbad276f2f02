// NRRD in memory and as files: .nrrd (header and voxels in one), .nhdr (voxels in a file beside it). Read by code of ours, which checks
// every length before it is used.
//
// Voxels: raw or gzip, the integer types of 8 to 64 bits, float and double (widened as in io.h). Up to three axes of space and one of
// another kind (list, vector, time …), which comes first or last and becomes the channels. Geometry: `space` left-posterior-superior,
// right-anterior-superior or left-anterior-superior with `space directions` and `space origin`, turned to LPS; else `spacings`. A file with
// neither stores no spacing. Key/value pairs are kept for those who ask (seg_nrrd.h). Source: the format's definition,
// teem.sourceforge.net/nrrd/format.html.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "imaging/stored.h"

namespace larmor::imaging {

using NrrdKeys = std::map<std::string, std::string>;

/// `folder` is where the voxels of a detached header are looked for; only there, by a plain file name; empty: detached headers are refused.
/// Error (data), one line with the name: no NRRD file, cut off, damaged, or of an unsupported kind.
ImageHeader read_nrrd_header(const FileBytes& file, const std::filesystem::path& folder);
Image read_nrrd(const FileBytes& file, const std::filesystem::path& folder, NrrdKeys* keys = nullptr);

/// Writes atomically, gzipped. For .nhdr the voxels go to <name>.raw.gz beside it. Error (run) when the disk refuses.
void write_nrrd(const std::filesystem::path& file, const Image& image, const NrrdKeys& keys = {});

}  // namespace larmor::imaging
