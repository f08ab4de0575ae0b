//! The video that an annotation file tells of. VidOR keeps `annotation/training/1025/51.json` beside `video/1025/51.mp4`,
//! VidVRD `train/a.json` beside `videos/a.mp4`, the generated world both in one folder; so names are tried, the longest
//! part of the annotation's path first, and no folder of thousands is listed.

use crate::source::DiskFolder;
use std::path::{Path, PathBuf};

/// File name extensions that videos have, in the order in which they are tried.
const EXTENSIONS: [&str; 10] = ["mp4", "webm", "mkv", "avi", "mov", "m4v", "mpg", "mpeg", "safetensors", "gif"];
/// Names of folders of videos beside a folder of annotations.
const BESIDE: [&str; 2] = ["video", "videos"];
/// How far above the annotations such a folder may lie.
const ABOVE: usize = 3;

/// The video of the annotation file `annotation` (its path within the folder of annotations) below `videos`: the file of
/// the same name with a video's extension, or the folder of images of that name, under as many of the same folders as
/// there are.
#[must_use]
pub fn find_video(videos: &Path, annotation: &str) -> Option<PathBuf> {
    let stem = annotation.strip_suffix(".json").unwrap_or(annotation);
    let tails = std::iter::successors(Some(stem), |tail| tail.split_once('/').map(|(_, shorter)| shorter));
    tails.filter(|tail| !tail.is_empty()).find_map(|tail| {
        let files = EXTENSIONS.iter().map(|extension| videos.join(format!("{tail}.{extension}")));
        let mut files = files.filter(|path| path.is_file());
        files.next().or_else(|| Some(videos.join(tail)).filter(|path| path.is_dir()))
    })
}

/// As [`find_video`], where data sets keep their videos: among the annotations, then in a folder beside them.
#[must_use]
pub fn find_video_near(annotations: &DiskFolder, annotation: &str) -> Option<PathBuf> {
    // "." has no folder above it by name.
    let path = std::path::absolute(annotations.path()).unwrap_or_else(|_| annotations.path().to_owned());
    let above = path.ancestors().take(ABOVE + 1);
    let beside = above.flat_map(|folder| BESIDE.map(|name| folder.join(name)));
    std::iter::once(path.clone()).chain(beside).find_map(|videos| find_video(&videos, annotation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Makes empty files, and tells where the video of `annotation` is found, from the root on.
    fn found(files: &[&str], annotations: &str, annotation: &str) -> Option<String> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(annotations)).unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let folder = DiskFolder::open(root.path().join(annotations)).unwrap();
        let path = find_video_near(&folder, annotation)?;
        Some(path.strip_prefix(root.path()).unwrap().to_string_lossy().into_owned())
    }

    #[test]
    fn videos_are_found_in_the_layouts_that_exist() {
        let vidor = ["video/1025/51.mp4", "video/1026/51.mp4", "video/51.mp4"];
        assert_eq!(found(&vidor, "annotation", "training/1026/51.json").unwrap(), "video/1026/51.mp4");
        assert_eq!(found(&vidor, "annotation/training", "1025/51.json").unwrap(), "video/1025/51.mp4");
        let vidvrd = ["videos/ILSVRC2015_train_1.mp4", "videos/ILSVRC2015_train_12.mp4"];
        assert_eq!(found(&vidvrd, "set", "train/ILSVRC2015_train_1.json").unwrap(), "videos/ILSVRC2015_train_1.mp4");
        let world = ["clips/world_7.json", "clips/world_7.captions.json", "clips/world_7.webm"];
        assert_eq!(found(&world, "clips", "world_7.json").unwrap(), "clips/world_7.webm");
        // Frames as images, in a folder of the video's name; a file of that name comes first.
        assert_eq!(found(&["videos/a/000000.jpg"], "set/train", "a.json").unwrap(), "videos/a");
        assert_eq!(found(&["videos/a/1.jpg", "videos/a.avi"], "set", "a.json").unwrap(), "videos/a.avi");
        assert_eq!(found(&["videos/ab.mp4", "videos/a.txt"], "set", "a.json"), None);
    }
}
