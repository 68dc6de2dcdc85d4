// Rotation of etl.key_file.
#pragma once

#include <string>

namespace pg
{

struct KeyRotation
{
	std::string path;    ///< of the key file
	std::string kept_as; ///< the file of before; empty where it was destroyed
	int destroyed = 0;   ///< files
};

/// Replaces the key of tokens and pseudonyms by a random one (core/key_ring.h says what stays). The
/// new file is written beside the old one, synced and renamed, so that a crash leaves one or the
/// other. The old one stays as "….old-N", or with destroy is overwritten and removed, as are all
/// that earlier rotations kept. At once: a rollback does not undo it. Throws what secret() throws,
/// 55006 when another session is rotating.
KeyRotation rotate_key_file(bool destroy);

} // namespace pg
