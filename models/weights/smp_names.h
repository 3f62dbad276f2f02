// Names of parameters in segmentation_models.pytorch: 0.0.1 to 0.0.3 (2019) against 0.1.0 and all that follow.
//
//   LinkNet   decoder.layer<n>.block.<k>.block.…       decoder.blocks.<n-1>.block.<k>.…
//   FPN       decoder.conv1.…, decoder.s<5…2>.…        decoder.p5.…, decoder.seg_blocks.<0…3>.…
//   PSPNet    decoder.psp.stages.<i>.pool.1.block.…    decoder.psp.blocks.<i>.pool.1.…
//             decoder.conv.block.…                     decoder.conv.…
//   all       decoder.final_conv.…                     segmentation_head.0.…
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "core/tensors.h"

namespace larmor::models {

/// Today's name of an old one; every other name as it is.
std::string current_smp_name(const std::string& name);
/// The name that 0.0.x gives to one of today's; every other name as it is. On the names of a network each function undoes the other.
std::string old_smp_name(const std::string& name);

/// The architectures whose names changed.
inline constexpr std::array<std::string_view, 3> kRenamedArchitectures = {"linknet", "fpn", "pspnet"};
/// True when the tensors have the decoder and the head of one of them, by old or by today's names. Others only share a few of its names.
bool has_smp_decoder(const NamedTensors& tensors);

}  // namespace larmor::models
