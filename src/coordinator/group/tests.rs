//! Groups without a broker around them.
