package app.noctule.android

import android.content.Context
import app.noctule.NoctuleError
import app.noctule.Outcome
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.file.Files
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/** The release that ships in the app, so that the first slate needs no network. */
object StarterRelease {
    /**
     * Installs the folder [folder] of the app's assets where the profile has no release yet; gives
     * whether it did. Assets are no files, so they are copied first, once and on no thread of the
     * caller; the copy is removed again.
     *
     * The folder is what `noctule starter` made. It counts when one of the configuration's
     * `trustedKeys` has signed it, also in a profile that follows a repository.
     */
    suspend fun install(
        context: Context,
        host: NoctuleHost,
        folder: String = "noctule-starter",
    ): Outcome<Boolean> = install(host, context.cacheDir, AppAssets(context, folder))

    internal suspend fun install(host: NoctuleHost, cache: File, assets: Assets): Outcome<Boolean> {
        val noctule = when (val opened = host.noctule()) {
            is Outcome.Ok -> opened.value
            is Outcome.Failed -> return opened
        }
        when (val releases = noctule.releases()) {
            is Outcome.Ok -> if (releases.value.active != null) return Outcome.Ok(false)
            is Outcome.Failed -> return releases
        }
        var copy: File? = null
        return try {
            copy = withContext(Dispatchers.IO) { copied(assets, cache) }
            noctule.installStarter(copy)
        } catch (thrown: IOException) {
            Outcome.Failed(NoctuleError.InvalidInput("starter", "the assets: $thrown"))
        } finally {
            copy?.deleteRecursively()
        }
    }

    private fun copied(assets: Assets, cache: File): File {
        val copy = Files.createTempDirectory(cache.toPath(), "noctule-starter").toFile()
        try {
            for (name in assets.names()) {
                assets.open(name).use { from ->
                    File(copy, name).outputStream().use { from.copyTo(it) }
                }
            }
        } catch (thrown: IOException) {
            copy.deleteRecursively()
            throw thrown
        }
        return copy
    }
}

/** Files of one folder of an app's assets. */
internal interface Assets {
    fun names(): List<String>

    fun open(name: String): InputStream
}

private class AppAssets(private val context: Context, private val folder: String) : Assets {
    override fun names(): List<String> = context.assets.list(folder).orEmpty().toList()

    override fun open(name: String): InputStream = context.assets.open("$folder/$name")
}
